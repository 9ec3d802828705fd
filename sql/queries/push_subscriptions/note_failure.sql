-- Notes that devices could not be reached; when that began is kept, and a push that was sent
-- later and arrived counts for more.
-- $1: user ids, $2: subscription ids, $3: when the pushes were sent, in step.
-- Index: push_subscriptions_pkey.
update push_subscriptions p
set failing_since = now()
from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as t (user_id, id, sent_at)
where
    p.user_id = t.user_id
    and p.id = t.id
    and p.failing_since is null
    and (p.last_success_at is null or p.last_success_at < t.sent_at)
