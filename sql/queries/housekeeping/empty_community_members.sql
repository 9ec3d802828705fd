-- Empties deleted communities of their members.
-- $1: rows at most. Indexes: communities_deleted_idx, community_members_pkey.
delete from community_members
where (community_id, user_id) in (
    select m.community_id, m.user_id
    from communities c
    join community_members m on m.community_id = c.id
    where c.deleted_at is not null
    limit $1
)
