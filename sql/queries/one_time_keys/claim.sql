-- Hands out the oldest one-time key of each of some devices, if it has one. A key that somebody
-- else is being handed at this moment is passed over: nobody waits, and none is handed out twice.
-- $1: session ids. Indexes: one_time_keys_unclaimed_idx, one_time_keys_pkey.
with picked as materialized (
    select k.session_id, k.key_id, k.key
    from unnest($1::uuid[]) as wanted (session_id)
    cross join lateral (
        select o.session_id, o.key_id, o.key
        from one_time_keys o
        where o.session_id = wanted.session_id and o.claimed_at is null
        order by o.position
        limit 1
        for update skip locked
    ) k
)
update one_time_keys o
set key = null, claimed_at = now()
from picked p
where o.session_id = p.session_id and o.key_id = p.key_id
returning o.session_id, o.key_id, p.key
