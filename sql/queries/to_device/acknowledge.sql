-- Forgets what a device has, up to a place, and notes how much less its mailbox holds. Takes the
-- mailbox's lock first, as everybody does.
-- $1: session id, $2: place. Indexes: to_device_messages_pkey, to_device_mailboxes_pkey.
with locked as materialized (
    select session_id from to_device_mailboxes where session_id = $1 for no key update
),
gone as (
    delete from to_device_messages
    where session_id = (select l.session_id from locked l) and position <= $2
    returning octet_length(content) as bytes
),
freed as (
    select count(*)::integer as messages, coalesce(sum(bytes), 0)::bigint as bytes from gone
)
update to_device_mailboxes b
set
    waiting_messages = b.waiting_messages - f.messages,
    waiting_bytes = b.waiting_bytes - f.bytes
from freed f
where b.session_id = $1 and f.messages > 0
