-- Replaces what a device says of itself; its identity keys are the same.
-- $1: session id, $2: the keys. Index: device_keys_pkey.
update device_keys set device_keys = $2 where session_id = $1
