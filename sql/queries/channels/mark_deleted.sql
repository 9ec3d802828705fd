-- Marks a channel as deleted. The caller holds its lock.
-- $1: channel id. Index: channels_pkey.
update channels set deleted_at = now() where id = $1
