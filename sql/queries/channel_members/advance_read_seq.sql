-- Notes how far a member has read a channel; never backwards, never beyond its head.
-- $1: channel id, $2: user id, $3: place. Indexes: channel_members_pkey, channels_pkey.
update channel_members m
set read_seq = greatest(m.read_seq, least($3, c.last_seq))
from channels c
where m.channel_id = $1 and m.user_id = $2 and c.id = m.channel_id and c.deleted_at is null
returning m.read_seq
