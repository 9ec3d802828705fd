-- Finds one message.
-- $1: channel id, $2: message id. Indexes: messages_channel_id_id_key, users_pkey.
select
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
from messages m
left join users u on u.id = m.user_id
where m.channel_id = $1 and m.id = $2
