-- Deletes a webhook and, by cascade, the way to it. The caller holds the channel's lock.
-- $1: channel id, $2: webhook id. Index: webhooks_pkey.
delete from webhooks where channel_id = $1 and id = $2
