-- Which posts of users repeat a message, and where that is. Runs after the fences are taken. Each
-- look is one by the whole key: left to itself, PostgreSQL plans once, when the table is small, and
-- would go on to read the messages of whole channels.
-- $1: channel ids, $2: message ids, in step. Index: messages_channel_id_id_key.
select m.channel_id, m.id, m.seq, m.created_at
from unnest($1::uuid[], $2::uuid[]) as p (channel_id, id)
cross join lateral (
    select channel_id, id, seq, created_at
    from messages
    where channel_id = p.channel_id and id = p.id
    limit 1
) m
