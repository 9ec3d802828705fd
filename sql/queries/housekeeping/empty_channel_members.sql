-- Empties deleted channels of their members.
-- $1: channel ids, $2: rows at most. Index: channel_members_pkey.
delete from channel_members
where (channel_id, user_id) in (
    select channel_id, user_id from channel_members where channel_id = any($1) limit $2
)
