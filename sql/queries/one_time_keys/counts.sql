-- How many one-time keys devices have left, and whether their fallback keys are unused.
-- $1: session ids. Indexes: device_keys_pkey, one_time_keys_unclaimed_idx, fallback_keys_pkey.
select
    d.user_id,
    d.session_id,
    (select count(*) from one_time_keys k where k.session_id = d.session_id and k.claimed_at is null)
        as one_time_keys,
    coalesce(not f.used, false) as fallback_unused
from device_keys d
left join fallback_keys f on f.session_id = d.session_id
where d.session_id = any($1)
