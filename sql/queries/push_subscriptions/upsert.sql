-- Makes a subscription, or brings the user's own of the same endpoint up to date. No row:
-- another user has one of that endpoint. New keys begin without a history of failures.
-- $1: user id, $2: subscription id, $3: session id, $4: endpoint, $5: SHA-256 of the endpoint,
-- $6: p256dh, $7: auth. Index: push_subscriptions_endpoint_hash_key.
insert into push_subscriptions as s (user_id, id, session_id, endpoint, endpoint_hash, p256dh, auth)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (endpoint_hash) do update
set
    session_id = excluded.session_id,
    p256dh = excluded.p256dh,
    auth = excluded.auth,
    failing_since = case
        when (s.p256dh, s.auth) = (excluded.p256dh, excluded.auth) then s.failing_since
    end
where s.user_id = excluded.user_id
returning id, created_at, last_success_at, failing_since
