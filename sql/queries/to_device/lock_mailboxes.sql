-- Takes the locks of mailboxes, in id order so that no two senders deadlock, and reads how full
-- each is.
-- $1: session ids. Index: to_device_mailboxes_pkey.
select session_id, last_position, waiting_messages, waiting_bytes
from to_device_mailboxes
where session_id = any($1)
order by session_id
for no key update
