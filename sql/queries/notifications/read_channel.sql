-- Marks a user's notifications of a channel up to a place as read; returns those that were not.
-- $1: user id, $2: channel id, $3: place. Index: notifications_user_id_channel_id_seq_idx.
update notifications
set read_at = now(), state = 'read'
where user_id = $1 and channel_id = $2 and seq <= $3 and read_at is null
returning id
