-- Notes that push services took something for devices.
-- $1: user ids, $2: subscription ids, in step. Index: push_subscriptions_pkey.
update push_subscriptions p
set last_success_at = now(), failing_since = null
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
where p.user_id = t.user_id and p.id = t.id
