-- Finds a community that a user is in.
-- $1: community id, $2: user id. Index: community_members_pkey.
select c.id, c.name, m.role, c.created_at
from community_members m
join communities c on c.id = m.community_id
where m.community_id = $1 and m.user_id = $2 and c.deleted_at is null
