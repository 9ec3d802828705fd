-- Lists the communities a user is in, the oldest membership first.
-- $1: user id. Index: community_members_user_id_idx.
select c.id, c.name, m.role, c.created_at
from community_members m
join communities c on c.id = m.community_id
where m.user_id = $1 and c.deleted_at is null
order by m.joined_at, c.id
