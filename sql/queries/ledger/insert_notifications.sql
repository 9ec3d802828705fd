-- Writes the notifications of mentioned members, in the transaction of the messages.
-- $1: user ids, $2: notification ids, $3: community ids, $4: channel ids, $5: message ids,
-- $6: places, $7: author names, $8: author avatar URLs or nulls, $9: previews,
-- $10: times of acceptance; all in step.
insert into notifications (
    user_id,
    id,
    kind,
    community_id,
    channel_id,
    message_id,
    seq,
    author_name,
    author_avatar_url,
    preview,
    created_at
)
select
    user_id, id, 'mention', community_id, channel_id, message_id, seq, author_name, author_avatar_url, preview, created_at
from unnest(
    $1::uuid[],
    $2::uuid[],
    $3::uuid[],
    $4::uuid[],
    $5::uuid[],
    $6::bigint[],
    $7::text[],
    $8::text[],
    $9::text[],
    $10::timestamptz[]
) as p (
    user_id, id, community_id, channel_id, message_id, seq, author_name, author_avatar_url, preview, created_at
)
