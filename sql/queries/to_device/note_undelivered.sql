-- Notes which devices a send passed over.
-- $1: session id, $2: transaction id, $3: session ids of the devices.
-- Index: to_device_transactions_pkey.
update to_device_transactions set undelivered = $3 where session_id = $1 and txn_id = $2
