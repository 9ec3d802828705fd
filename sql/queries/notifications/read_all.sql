-- Marks all of a user's notifications as read.
-- $1: user id. Index: notifications_unread_idx.
update notifications set read_at = now(), state = 'read' where user_id = $1 and read_at is null
