-- Writes messages of webhooks.
-- $1: channel ids, $2: places, $3: message ids, $4: webhook ids, $5: author names,
-- $6: author avatar URLs or nulls, $7: contents, $8: mentioned users as array literals,
-- $9: times of acceptance; all in step.
insert into messages (
    channel_id, seq, id, kind, webhook_id, author_name, author_avatar_url, content, mentions, created_at
)
select channel_id, seq, id, 'webhook', webhook_id, author_name, author_avatar_url, content, mentions::uuid[], created_at
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[]
) as p (channel_id, seq, id, webhook_id, author_name, author_avatar_url, content, mentions, created_at)
