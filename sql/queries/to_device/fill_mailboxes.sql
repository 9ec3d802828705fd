-- Notes what was put into mailboxes whose locks are held, one message each.
-- $1: session ids, $2: bytes, in step. Index: to_device_mailboxes_pkey.
update to_device_mailboxes b
set
    last_position = b.last_position + 1,
    waiting_messages = b.waiting_messages + 1,
    waiting_bytes = b.waiting_bytes + m.bytes
from unnest($1::uuid[], $2::bigint[]) as m (session_id, bytes)
where b.session_id = m.session_id
