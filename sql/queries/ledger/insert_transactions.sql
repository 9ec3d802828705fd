-- Notes what devices were answered, in the transaction of the messages.
-- $1: devices, $2: channel ids, $3: transaction ids, $4: message ids, $5: places, $6: times of
-- acceptance; all in step.
insert into message_transactions (device_id, channel_id, txn_id, message_id, seq, created_at)
select device_id, channel_id, txn_id, message_id, seq, created_at
from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::timestamptz[]
) as p (device_id, channel_id, txn_id, message_id, seq, created_at)
