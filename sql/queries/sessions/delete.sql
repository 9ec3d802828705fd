-- Ends sessions whose locks are held; tells which were devices with keys, which go with them.
-- $1: session ids. Indexes: sessions_pkey, device_keys_pkey.
delete from sessions s
where s.id = any($1)
returning s.id, s.user_id, exists (select from device_keys d where d.session_id = s.id) as had_keys
