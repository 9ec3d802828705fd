-- Ends a subscription of a user.
-- $1: user id, $2: subscription id. Index: push_subscriptions_pkey.
delete from push_subscriptions where user_id = $1 and id = $2
