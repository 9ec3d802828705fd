-- Finds one key of a backup.
-- $1: user id, $2: version, $3: channel id, $4: session id. Index: room_keys_pkey.
select channel_id, session_id, first_message_index, forwarded_count, is_verified, session_data
from room_keys
where user_id = $1 and version = $2 and channel_id = $3 and session_id = $4
