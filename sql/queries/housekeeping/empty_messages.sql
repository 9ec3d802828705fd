-- Empties deleted channels of their messages.
-- $1: channel ids, $2: rows at most. Index: messages_pkey.
delete from messages
where (channel_id, seq) in (select channel_id, seq from messages where channel_id = any($1) limit $2)
