-- The devices of some users, by id if they are named; null instead of a device means every device
-- of the user. Comes to at most so many rows, and ends behind the row with which the keys are more
-- than so many bytes; each row tells how many they are up to it.
-- $1: user ids, $2: session ids or null, in step, $3: rows at most, $4: bytes.
-- Indexes: device_keys_user_id_idx, device_keys_pkey.
with found as (
    select d.user_id, d.session_id, d.device_keys
    from unnest($1::uuid[], $2::uuid[]) as w (user_id, session_id)
    join device_keys d on d.user_id = w.user_id and (w.session_id is null or d.session_id = w.session_id)
    limit $3
),
sized as (
    select
        f.user_id,
        f.session_id,
        f.device_keys,
        sum(octet_length(f.device_keys)) over (order by f.user_id, f.session_id) as bytes
    from found f
)
select s.user_id, s.session_id, s.device_keys, s.bytes
from sized s
where s.bytes - octet_length(s.device_keys) <= $4
order by s.bytes
