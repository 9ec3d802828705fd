-- Reads the keys of devices, and keeps the devices from going before the transaction ends.
-- $1: session ids. Index: device_keys_pkey.
select user_id, session_id, device_keys
from device_keys
where session_id = any($1)
order by session_id
for key share
