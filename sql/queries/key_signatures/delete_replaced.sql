-- Forgets the signatures on and by cross-signing keys that a user replaced.
-- $1: user id, $2: public keys, $3: the same as ids of signing keys.
-- Indexes: key_signatures_pkey, key_signatures_signer_idx.
delete from key_signatures
where
    (target_user_id = $1 and target_key = any($2))
    or (signer_user_id = $1 and signer_key_id = any($3))
