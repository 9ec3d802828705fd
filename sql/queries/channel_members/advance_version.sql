-- Notes that the members of a channel changed. The caller holds its lock.
-- $1: channel id. Index: channels_pkey.
update channels set members_version = members_version + 1 where id = $1 returning members_version
