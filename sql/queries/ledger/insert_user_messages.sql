-- Writes messages of users.
-- $1: channel ids, $2: places, $3: message ids, $4: authors, $5: their devices, $6: envelopes,
-- $7: times of acceptance; all in step.
insert into messages (channel_id, seq, id, kind, user_id, device_id, envelope, created_at)
select channel_id, seq, id, 'user', user_id, device_id, envelope, created_at
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[]
) as p (channel_id, seq, id, user_id, device_id, envelope, created_at)
