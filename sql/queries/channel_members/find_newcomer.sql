-- Whether a user may be in a channel, and whether they are. The caller holds its lock.
-- $1: channel id, $2: user id. Indexes: channels_pkey, community_members_pkey, channel_members_pkey.
select exists (
    select from channel_members m where m.channel_id = c.id and m.user_id = cm.user_id
) as joined
from channels c
join community_members cm on cm.community_id = c.community_id
where c.id = $1 and cm.user_id = $2
