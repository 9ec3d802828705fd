-- Empties deleted communities of their members.
-- $1: community ids, $2: rows at most. Index: community_members_pkey.
delete from community_members
where (community_id, user_id) in (
    select community_id, user_id from community_members where community_id = any($1) limit $2
)
