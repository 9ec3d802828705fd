-- A page of a backup behind a key, in the order of the index: of all channels or of one.
-- $1: user id, $2: version, $3: channel id of the key before, $4: its session id, $5: the last
-- channel id, $6: rows at most. Index: room_keys_pkey.
select channel_id, session_id, first_message_index, forwarded_count, is_verified, session_data
from room_keys
where
    user_id = $1
    and version = $2
    and (channel_id, session_id) > ($3, $4)
    and channel_id <= $5
order by channel_id, session_id
limit $6
