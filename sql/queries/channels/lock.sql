-- Locks a channel: the fence of everything a post depends on. Reads which state its members are in.
-- $1: channel id. Index: channels_pkey.
select members_version from channels where id = $1 and deleted_at is null for no key update
