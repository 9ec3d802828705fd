-- Finds an account for sign-in.
-- $1: username in any case. Index: users_username_lower_key.
select id as user_id, username, display_name, instance_role, created_at as user_created_at, password_hash
from users
where lower(username) = lower($1)
