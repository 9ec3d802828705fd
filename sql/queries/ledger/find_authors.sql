-- Of posts of users, those with which something is special: the device is not signed in any more, or
-- it sent the same before, and then what it was answered. Runs after the fences are taken. Each look
-- is one by the whole key: left to itself, PostgreSQL plans once, when the tables are small, and
-- would go on to read them whole.
-- $1: channel ids, $2: devices, $3: transaction ids, in step.
-- Indexes: sessions_pkey, message_transactions_pkey.
select
    p.at,
    s.id is not null as signed_in,
    t.message_id,
    t.seq,
    t.created_at
from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as p (channel_id, device_id, txn_id, at)
left join lateral (
    select id from sessions where id = p.device_id limit 1
) s on true
left join lateral (
    select message_id, seq, created_at
    from message_transactions
    where device_id = p.device_id and channel_id = p.channel_id and txn_id = p.txn_id
    limit 1
) t on true
where s.id is null or t.message_id is not null
