-- Adds one-time keys of a device, in order. Those that are known already change nothing.
-- $1: session id, $2: key ids, $3: keys, in step. Index: one_time_keys_pkey.
insert into one_time_keys (session_id, key_id, key)
select $1, k.key_id, k.key
from unnest($2::text[], $3::text[]) with ordinality as k (key_id, key, place)
order by k.place
on conflict on constraint one_time_keys_pkey do nothing
