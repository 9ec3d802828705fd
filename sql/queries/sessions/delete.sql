-- Ends a session of a user; tells whether it was a device with keys, which go with it.
-- $1: user id, $2: session id. Indexes: sessions_pkey, device_keys_pkey.
delete from sessions s
where s.user_id = $1 and s.id = $2
returning exists (select from device_keys d where d.session_id = s.id) as had_keys
