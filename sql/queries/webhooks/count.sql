-- Counts the webhooks of a channel. The caller holds the channel's lock.
-- $1: channel id. Index: webhooks_pkey.
select count(*) as count from webhooks where channel_id = $1
