-- Counts a user's subscriptions besides that of one endpoint. The caller holds the user's lock.
-- $1: user id, $2: SHA-256 of the endpoint. Index: push_subscriptions_pkey.
select count(*) as count from push_subscriptions where user_id = $1 and endpoint_hash <> $2
