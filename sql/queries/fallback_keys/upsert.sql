-- Gives a device another fallback key. The same one again stays as used as it was.
-- $1: session id, $2: key id, $3: key. Index: fallback_keys_pkey.
insert into fallback_keys as f (session_id, key_id, key)
values ($1, $2, $3)
on conflict on constraint fallback_keys_pkey do update
set key_id = excluded.key_id, key = excluded.key, used = false
where (f.key_id, f.key) <> (excluded.key_id, excluded.key)
