-- Which of some messages are there.
-- $1: channel ids, $2: message ids. Index: messages_channel_id_id_key.
select channel_id, seq, id, webhook_id, author_name, author_avatar_url, content, mentions, created_at
from messages
where channel_id = any($1) and id = any($2)
order by channel_id, seq
