-- Which devices an earlier send passed over, of those that there are.
-- $1: session id, $2: transaction id. Indexes: to_device_transactions_pkey, device_keys_pkey.
select d.user_id, d.session_id
from to_device_transactions t
join device_keys d on d.session_id = any(t.undelivered)
where t.session_id = $1 and t.txn_id = $2
