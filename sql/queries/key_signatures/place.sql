-- Gives the signatures that a user just added their place in the order of device list changes.
-- $1: signer, $2: place. Index: key_signatures_signer_idx.
update key_signatures set position = $2 where signer_user_id = $1 and position = 0
