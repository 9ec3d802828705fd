-- Puts the owner of a new community into its first channel.
-- $1: channel id, $2: user id.
insert into channel_members (channel_id, user_id) values ($1, $2)
