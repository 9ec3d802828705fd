-- Notes that a push service took something for a device.
-- $1: user id, $2: subscription id. Index: push_subscriptions_pkey.
update push_subscriptions set last_success_at = now(), failing_since = null
where user_id = $1 and id = $2
