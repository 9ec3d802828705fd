-- Notes that a device could not be reached; when that began is kept.
-- $1: user id, $2: subscription id. Index: push_subscriptions_pkey.
update push_subscriptions set failing_since = now()
where user_id = $1 and id = $2 and failing_since is null
