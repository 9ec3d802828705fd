-- Gives a member a role.
-- $1: community id, $2: user id, $3: role. Index: community_members_pkey.
update community_members m
set role = $3
from users u
where m.community_id = $1 and m.user_id = $2 and u.id = m.user_id
returning
    u.id as user_id,
    u.username,
    u.display_name,
    u.instance_role,
    u.created_at as user_created_at,
    m.role,
    m.joined_at
