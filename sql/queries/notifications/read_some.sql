-- Marks some of a user's notifications as read; returns those that were not.
-- $1: user id, $2: notification ids. Index: notifications_pkey.
update notifications
set read_at = now(), state = 'read'
where user_id = $1 and id = any($2) and read_at is null
returning id
