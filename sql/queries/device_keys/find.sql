-- Finds the keys of one device.
-- $1: session id. Index: device_keys_pkey.
select device_keys from device_keys where session_id = $1
