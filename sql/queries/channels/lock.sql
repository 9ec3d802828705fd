-- Locks a channel: the fence of everything a post depends on.
-- $1: channel id. Index: channels_pkey.
select id from channels where id = $1 and deleted_at is null for no key update
