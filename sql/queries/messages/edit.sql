-- Puts another envelope in the place of a user's message. The caller holds the channel's lock, so
-- that later edits have later times.
-- $1: channel id, $2: message id, $3: the device that encrypted it, $4: envelope.
-- Indexes: messages_channel_id_id_key, users_pkey.
update messages m
set device_id = $3, envelope = $4, edited_at = clock_timestamp()
from users u
where m.channel_id = $1 and m.id = $2 and u.id = m.user_id
returning
    m.channel_id,
    m.seq,
    m.id,
    m.kind,
    m.webhook_id,
    m.author_name,
    m.author_avatar_url,
    m.content,
    m.mentions,
    m.user_id,
    m.device_id,
    u.username,
    u.display_name,
    m.envelope,
    m.edited_at,
    m.created_at
