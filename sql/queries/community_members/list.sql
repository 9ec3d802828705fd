-- Lists the members of a community: by rank, then by joining.
-- $1: community id. Index: community_members_pkey.
select
    u.id as user_id,
    u.username,
    u.display_name,
    u.instance_role,
    u.created_at as user_created_at,
    m.role,
    m.joined_at
from community_members m
join users u on u.id = m.user_id
where m.community_id = $1
order by array_position(array['owner', 'admin', 'member'], m.role), m.joined_at, u.id
