-- Reads what a member of a channel missed, the oldest first, with the version of the channel's
-- members at this moment; nothing for a non-member. The sizes are known without reading the texts,
-- so that of many large messages only those are read that fit.
-- $1: channel id, $2: user id, $3: after which place, $4: up to which, $5: how many at most,
-- $6: bytes of text after which no further message begins.
-- Indexes: messages_pkey, channel_members_pkey, channels_pkey, users_pkey.
with page as (
    select
        seq,
        sum(coalesce(octet_length(envelope), octet_length(content), 0)) over (order by seq)
        - coalesce(octet_length(envelope), octet_length(content), 0) as bytes_before
    from messages
    where
        channel_id = $1
        and seq > $3
        and seq <= $4
        and exists (select from channel_members cm where cm.channel_id = $1 and cm.user_id = $2)
    order by seq
    limit $5
)
select
    c.members_version,
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
from page p
join messages m on m.channel_id = $1 and m.seq = p.seq
join channels c on c.id = m.channel_id
left join users u on u.id = m.user_id
where p.bytes_before < $6
order by m.seq
