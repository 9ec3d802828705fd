-- The devices that messages are for. Null instead of a device means every device of the user. Who
-- has no keys has no mailbox.
-- $1: user ids, $2: session ids or null, in step, $3: rows at most.
-- Indexes: device_keys_user_id_idx, device_keys_pkey.
select w.place, d.user_id, d.session_id
from unnest($1::uuid[], $2::uuid[]) with ordinality as w (user_id, session_id, place)
join device_keys d on d.user_id = w.user_id and (w.session_id is null or d.session_id = w.session_id)
order by w.session_id is null
limit $3
