-- Ends the subscription that another user has with the same browser: nothing that is owed to
-- them may arrive where somebody else is signed in now.
-- $1: SHA-256 of the endpoint, $2: user id. Index: push_subscriptions_endpoint_hash_key.
delete from push_subscriptions where endpoint_hash = $1 and user_id <> $2
