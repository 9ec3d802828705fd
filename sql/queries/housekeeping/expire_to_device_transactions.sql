-- Forgets what devices sent long ago: nobody repeats it any more.
-- $1: days, $2: rows at most. Index: to_device_transactions_created_at_idx.
delete from to_device_transactions
where (session_id, txn_id) in (
    select session_id, txn_id
    from to_device_transactions
    where created_at < now() - make_interval(days => $1)
    limit $2
)
