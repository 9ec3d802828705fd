-- Adds signatures of a user, in place of earlier ones by the same key on the same key.
-- They get their place afterwards, when everything else is locked.
-- $1: signer, then in step $2: users whose keys were signed, $3: keys that were signed, $4: the keys
-- that are devices, else null, $5: signing key ids, $6: those that are devices, else null,
-- $7: signatures. Index: key_signatures_pkey.
insert into key_signatures (
    signer_user_id, position, target_user_id, target_key, target_session_id, signer_key_id,
    signer_session_id, signature
)
select $1, 0, s.target_user_id, s.target_key, s.target_session_id, s.signer_key_id,
    s.signer_session_id, s.signature
from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::text[]) as s (
    target_user_id, target_key, target_session_id, signer_key_id, signer_session_id, signature
)
on conflict on constraint key_signatures_pkey do update
set signature = excluded.signature, position = excluded.position
