-- Notes that a device could not be reached; when that began is kept, and a push that was sent
-- later and arrived counts for more.
-- $1: user id, $2: subscription id, $3: when the push was sent. Index: push_subscriptions_pkey.
update push_subscriptions set failing_since = now()
where
    user_id = $1
    and id = $2
    and failing_since is null
    and (last_success_at is null or last_success_at < $3)
