-- The signatures on keys of some users that a user may see: by the keys' owners and their own.
-- $1: user id, $2: users whose keys were signed. Index: key_signatures_pkey.
select target_user_id, target_key, signer_user_id, signer_key_id, signature
from key_signatures
where target_user_id = any($2) and signer_user_id in (target_user_id, $1)
