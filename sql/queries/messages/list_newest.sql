-- Reads the newest messages of a channel, the newest first.
-- $1: channel id, $2: how many at most,
-- $3: bytes of text after which no further message begins. Indexes: messages_pkey, users_pkey.
-- The sizes are known without reading the texts, so that of many large messages only those are
-- read that fit; in_page also counts the others.
with page as (
    select
        seq,
        sum(coalesce(octet_length(envelope), octet_length(content), 0)) over (order by seq desc)
        - coalesce(octet_length(envelope), octet_length(content), 0) as bytes_before
    from messages
    where channel_id = $1
    order by seq desc
    limit $2
)
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
    m.created_at,
    (select count(*) from page) as in_page
from page p
join messages m on m.channel_id = $1 and m.seq = p.seq
left join users u on u.id = m.user_id
where p.bytes_before < $3
order by m.seq desc
