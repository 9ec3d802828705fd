-- Lists a user's subscriptions in sessions that have not ended, the oldest first.
-- $1: user id, $2: days a session may go unused. Indexes: push_subscriptions_pkey,
-- sessions_pkey.
select p.id, p.created_at, p.last_success_at, p.failing_since
from push_subscriptions p
join sessions s on s.id = p.session_id
where p.user_id = $1 and s.last_seen_at > now() - make_interval(days => $2)
order by p.id
