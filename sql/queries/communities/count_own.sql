-- Counts the communities a user is in.
-- $1: user id. Index: community_members_user_id_idx.
select count(*) as count
from community_members m
join communities c on c.id = m.community_id
where m.user_id = $1 and c.deleted_at is null
