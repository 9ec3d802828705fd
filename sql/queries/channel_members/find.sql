-- Whether a user is in a channel.
-- $1: channel id, $2: user id. Index: channel_members_pkey.
select user_id from channel_members where channel_id = $1 and user_id = $2
