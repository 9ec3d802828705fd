-- Reads what a member of a channel missed, the oldest first; nothing for a non-member.
-- $1: channel id, $2: user id, $3: after which place, $4: up to which, $5: how many at most.
-- Indexes: messages_pkey, channel_members_pkey.
select channel_id, seq, id, webhook_id, author_name, author_avatar_url, content, mentions, created_at
from messages
where
    channel_id = $1
    and seq > $3
    and seq <= $4
    and exists (select from channel_members m where m.channel_id = $1 and m.user_id = $2)
order by seq
limit $5
