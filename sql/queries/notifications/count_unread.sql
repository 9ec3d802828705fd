-- Counts what a user has not read; nothing of channels they have left.
-- $1: user id. Indexes: notifications_unread_idx, channels_pkey, channel_members_pkey.
select count(*) as count
from notifications n
join channels c on c.id = n.channel_id and c.deleted_at is null
join channel_members m on m.channel_id = n.channel_id and m.user_id = n.user_id
where n.user_id = $1 and n.read_at is null
