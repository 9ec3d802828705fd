-- Where to reach a device of a user, if its session has not ended.
-- $1: user id, $2: subscription id, $3: days a session may go unused.
-- Indexes: push_subscriptions_pkey, sessions_pkey.
select substring(p.endpoint from '^[^/]+//[^/]+') as origin, p.endpoint, p.p256dh, p.auth
from push_subscriptions p
join sessions s on s.id = p.session_id
where p.user_id = $1 and p.id = $2 and s.last_seen_at > now() - make_interval(days => $3)
