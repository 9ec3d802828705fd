-- Reads a page of a user's inbox, the newest first; nothing of channels they have left.
-- $1: user id, $2: older than this notification, or null, $3: how many at most.
-- Indexes: notifications_pkey, channels_pkey, channel_members_pkey.
select
    n.id,
    n.community_id,
    n.channel_id,
    c.name as channel_name,
    n.message_id,
    n.seq,
    n.author_name,
    n.author_avatar_url,
    n.preview,
    n.created_at,
    n.read_at
from notifications n
join channels c on c.id = n.channel_id and c.deleted_at is null
join channel_members m on m.channel_id = n.channel_id and m.user_id = n.user_id
where n.user_id = $1 and ($2::uuid is null or n.id < $2)
order by n.id desc
limit $3
