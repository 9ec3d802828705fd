-- Counts a user's subscriptions besides that of one endpoint, in sessions that are in use. The
-- caller holds the user's lock.
-- $1: user id, $2: SHA-256 of the endpoint, $3: days a session may go unused.
-- Indexes: push_subscriptions_pkey, sessions_pkey.
select count(*) as count
from push_subscriptions p
join sessions s on s.id = p.session_id
where
    p.user_id = $1
    and p.endpoint_hash <> $2
    and s.last_seen_at > now() - make_interval(days => $3)
