-- Lists the devices of some users, at most so many.
-- $1: user ids, $2: rows at most. Index: device_keys_user_id_idx.
select user_id, session_id, device_keys from device_keys where user_id = any($1) limit $2
