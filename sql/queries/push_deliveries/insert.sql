-- Writes down that alerts are owed to every device of their users whose session has not ended.
-- An endpoint is stored as it was parsed, so that what stands before its path is its origin.
-- $1: user ids, $2: notification ids, in step, $3: days a session may go unused.
-- Indexes: push_subscriptions_pkey, sessions_pkey.
insert into push_deliveries (user_id, notification_id, subscription_id, origin)
select t.user_id, t.id, p.id, substring(p.endpoint from '^[^/]+//[^/]+')
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
join push_subscriptions p on p.user_id = t.user_id
join sessions s on s.id = p.session_id
where s.last_seen_at > now() - make_interval(days => $3)
on conflict do nothing
