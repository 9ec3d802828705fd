-- Marks a user's notifications of a channel up to a place as read; returns those that were not.
-- $1: user id, $2: channel id, $3: place. Index: notifications_user_id_channel_id_seq_idx.
-- Locks are taken in key order, as everybody does who changes several.
with unread as (
    select user_id, id
    from notifications
    where user_id = $1 and channel_id = $2 and seq <= $3 and read_at is null
    order by id
    for no key update
)
update notifications n
set read_at = now(), state = 'read'
from unread u
where n.user_id = u.user_id and n.id = u.id
returning n.id
