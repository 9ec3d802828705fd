-- Forgets what devices were answered long ago.
-- $1: days, $2: rows at most. Index: message_transactions_created_at_brin_idx.
delete from message_transactions
where (device_id, channel_id, txn_id) in (
    select device_id, channel_id, txn_id
    from message_transactions
    where created_at < now() - make_interval(days => $1)
    limit $2
)
