-- Of the one-time keys of a device, those with some ids; null for one that was handed out.
-- $1: session id, $2: key ids. Index: one_time_keys_pkey.
select key_id, key from one_time_keys where session_id = $1 and key_id = any($2)
