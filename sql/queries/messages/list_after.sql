-- Reads the messages right after a place, the oldest first.
-- $1: channel id, $2: place, $3: how many at most. Indexes: messages_pkey, users_pkey.
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
where m.channel_id = $1 and m.seq > $2
order by m.seq
limit $3
