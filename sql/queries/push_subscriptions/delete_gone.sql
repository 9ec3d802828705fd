-- Ends a subscription that its push service no longer knows, unless the browser has sent new
-- keys meanwhile.
-- $1: user id, $2: subscription id, $3: the p256dh it was tried with.
-- Index: push_subscriptions_pkey.
delete from push_subscriptions where user_id = $1 and id = $2 and p256dh = $3
