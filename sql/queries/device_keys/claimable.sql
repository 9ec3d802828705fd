-- Of some devices, those that are their users' and have keys.
-- $1: user ids, $2: session ids, in step. Index: device_keys_pkey.
select d.user_id, d.session_id
from unnest($1::uuid[], $2::uuid[]) as w (user_id, session_id)
join device_keys d on d.session_id = w.session_id and d.user_id = w.user_id
