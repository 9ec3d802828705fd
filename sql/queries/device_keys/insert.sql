-- Makes a session a device with keys.
-- $1: session id, $2: user id, $3: the keys.
insert into device_keys (session_id, user_id, device_keys) values ($1, $2, $3)
