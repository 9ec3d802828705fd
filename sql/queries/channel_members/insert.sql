-- Puts a user into a channel, with everything so far counted as read, and notes where in the order
-- of device list changes that is. The caller holds the channel's lock, for which it may have
-- waited: the time of joining is that of this statement, not of the transaction, so that it is
-- after every message that was written before. Nothing that can wait comes behind it, because everybody
-- who changes a device list waits for the place that it takes.
-- $1: channel id, $2: user id. Indexes: channels_pkey, device_list_stream_pkey.
with next as (
    update device_list_stream set position = position + 1 where id returning position
)
insert into channel_members (channel_id, user_id, read_seq, joined_at, device_list_position)
select c.id, $2, c.last_seq, clock_timestamp(), n.position
from channels c
cross join next n
where c.id = $1
