-- Ends the sessions of a user beyond the bound, those unused for longest first; tells which were
-- devices with keys, which go with them.
-- $1: user id, $2: how many may stay. Indexes: sessions_user_id_idx, device_keys_pkey.
delete from sessions s
where s.id in (
    select id from sessions where user_id = $1 order by last_seen_at desc, id desc offset $2
)
returning s.id, exists (select from device_keys d where d.session_id = s.id) as had_keys
