-- Empties deleted channels of their webhooks and, by cascade, of the ways to them.
-- $1: channel ids, $2: rows at most. Index: webhooks_pkey.
delete from webhooks
where (channel_id, id) in (select channel_id, id from webhooks where channel_id = any($1) limit $2)
