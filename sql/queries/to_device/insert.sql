-- Puts messages into mailboxes whose locks are held.
-- $1: sender, $2: event type, then in step $3: session ids, $4: places, $5: contents.
insert into to_device_messages (session_id, position, sender_id, event_type, content)
select m.session_id, m.position, $1, $2, m.content
from unnest($3::uuid[], $4::bigint[], $5::text[]) as m (session_id, position, content)
