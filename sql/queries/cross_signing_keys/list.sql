-- The cross-signing keys of some users.
-- $1: user ids. Index: cross_signing_keys_pkey.
select user_id, usage, public_key, key from cross_signing_keys where user_id = any($1)
