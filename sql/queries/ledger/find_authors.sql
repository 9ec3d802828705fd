-- For each post of a user: whether its device is still signed in, whether the author is in the
-- channel, and what the device was answered if it sent the same before. Runs after the fences are
-- taken.
-- $1: channel ids, $2: devices, $3: transaction ids, in step.
-- Indexes: sessions_pkey, channel_members_pkey, message_transactions_pkey.
select
    p.at,
    s.id is not null as signed_in,
    m.user_id is not null as member,
    t.message_id,
    t.seq,
    t.created_at
from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as p (channel_id, device_id, txn_id, at)
left join sessions s on s.id = p.device_id
left join channel_members m on m.channel_id = p.channel_id and m.user_id = s.user_id
left join message_transactions t
    on t.device_id = p.device_id and t.channel_id = p.channel_id and t.txn_id = p.txn_id
