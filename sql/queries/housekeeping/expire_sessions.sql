-- Ends sessions that went unused for too long; tells whose were devices with keys, which go with
-- them.
-- $1: days, $2: rows at most. Indexes: sessions_last_seen_at_idx, device_keys_pkey.
delete from sessions s
where s.id in (
    select id from sessions where last_seen_at < now() - make_interval(days => $1) limit $2
)
returning s.user_id, exists (select from device_keys d where d.session_id = s.id) as had_keys
