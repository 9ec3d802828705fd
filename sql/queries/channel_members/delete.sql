-- Takes a user out of a channel. The caller holds its lock.
-- $1: channel id, $2: user id. Index: channel_members_pkey.
delete from channel_members where channel_id = $1 and user_id = $2
