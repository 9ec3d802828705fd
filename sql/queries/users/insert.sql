-- Makes an account. Conflicts: users_username_lower_key (the name is taken, ignoring case),
-- users_single_owner_key (somebody else is the first).
-- $1: user id, $2: username, $3: display name, $4: password hash, $5: instance role.
insert into users (id, username, display_name, password_hash, instance_role)
values ($1, $2, $3, $4, $5)
returning id as user_id, username, display_name, instance_role, created_at as user_created_at
