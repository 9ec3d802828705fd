-- Locks devices that are about to go with their sessions, in id order as those do who keep several.
-- $1: session ids. Index: device_keys_pkey.
select session_id from device_keys where session_id = any($1) order by session_id for update
