-- Writes messages of users, and notes what their devices were answered.
-- $1: channel ids, $2: places, $3: message ids, $4: authors, $5: their devices, $6: envelopes,
-- $7: times of acceptance, $8: transaction ids; all in step.
with noted as (
    insert into message_transactions (device_id, channel_id, txn_id, message_id, seq, created_at)
    select device_id, channel_id, txn_id, message_id, seq, created_at
    from unnest(
        $5::uuid[], $1::uuid[], $8::text[], $3::uuid[], $2::bigint[], $7::timestamptz[]
    ) as t (device_id, channel_id, txn_id, message_id, seq, created_at)
)
insert into messages (channel_id, seq, id, kind, user_id, device_id, envelope, created_at)
select channel_id, seq, id, 'user', user_id, device_id, envelope, created_at
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[]
) as p (channel_id, seq, id, user_id, device_id, envelope, created_at)
