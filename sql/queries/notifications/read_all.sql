-- Marks all of a user's notifications as read.
-- $1: user id. Index: notifications_unread_idx.
-- Locks are taken in key order, as everybody does who changes several.
with unread as (
    select user_id, id
    from notifications
    where user_id = $1 and read_at is null
    order by id
    for no key update
)
update notifications n
set read_at = now(), state = 'read'
from unread u
where n.user_id = u.user_id and n.id = u.id
