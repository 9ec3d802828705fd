-- Takes cross-signing keys from a user, because the key that vouched for them was replaced.
-- $1: user id, $2: usages. Index: cross_signing_keys_pkey.
delete from cross_signing_keys where user_id = $1 and usage = any($2)
