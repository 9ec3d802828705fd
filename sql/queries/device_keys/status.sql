-- What a device learns when it connects: where the order of device list changes is, whether it has
-- keys, how many one-time keys are left, and whether its fallback key is unused.
-- $1: session id. Indexes: device_list_stream_pkey, device_keys_pkey, one_time_keys_unclaimed_idx,
-- fallback_keys_pkey.
select
    s.position,
    d.session_id is not null as has_keys,
    (select count(*) from one_time_keys k where k.session_id = $1 and k.claimed_at is null) as one_time_keys,
    coalesce(not f.used, false) as fallback_unused
from device_list_stream s
left join device_keys d on d.session_id = $1
left join fallback_keys f on f.session_id = $1
where s.id
