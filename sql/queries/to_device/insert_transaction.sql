-- Notes what a device sends. No row: it has sent it before.
-- $1: session id, $2: transaction id. Index: to_device_transactions_pkey.
insert into to_device_transactions (session_id, txn_id)
values ($1, $2)
on conflict on constraint to_device_transactions_pkey do nothing
returning txn_id
