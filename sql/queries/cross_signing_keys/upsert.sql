-- Gives a user cross-signing keys, in place of those of the same usage.
-- $1: user id, $2: usages, $3: public keys, $4: keys, in step. Index: cross_signing_keys_pkey.
insert into cross_signing_keys (user_id, usage, public_key, key)
select $1, k.usage, k.public_key, k.key
from unnest($2::text[], $3::text[], $4::text[]) as k (usage, public_key, key)
on conflict on constraint cross_signing_keys_pkey do update
set public_key = excluded.public_key, key = excluded.key
