-- Reads the messages right after a place, the oldest first.
-- $1: channel id, $2: place, $3: how many at most. Index: messages_pkey.
select channel_id, seq, id, webhook_id, author_name, author_avatar_url, content, mentions, created_at
from messages
where channel_id = $1 and seq > $2
order by seq
limit $3
