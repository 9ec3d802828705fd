-- Of some channels, those a user is in, with their heads and the versions of their members.
-- $1: user id, $2: channel ids. Indexes: channel_members_pkey, channels_pkey.
select c.id, c.last_seq, c.members_version
from channel_members m
join channels c on c.id = m.channel_id
where m.user_id = $1 and m.channel_id = any($2) and c.deleted_at is null
