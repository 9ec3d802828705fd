-- The fallback keys of some devices.
-- $1: session ids. Index: fallback_keys_pkey.
select session_id, key_id, key from fallback_keys where session_id = any($1)
