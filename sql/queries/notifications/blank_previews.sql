-- Blanks what notifications say of a message that was deleted.
-- $1: the users it mentioned, $2: channel id, $3: its place.
-- Index: notifications_user_id_channel_id_seq_idx.
update notifications set preview = '' where user_id = any($1) and channel_id = $2 and seq = $3
