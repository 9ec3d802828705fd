-- Reads the newest messages of a channel, the newest first.
-- $1: channel id, $2: how many at most. Index: messages_pkey.
select channel_id, seq, id, webhook_id, author_name, author_avatar_url, content, mentions, created_at
from messages
where channel_id = $1
order by seq desc
limit $2
