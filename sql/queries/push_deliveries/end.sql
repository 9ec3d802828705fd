-- Notes how pushes ended. The state is compared in a way that keeps PostgreSQL from reading the
-- index of all that are due for each of them.
-- $1: user ids, $2: notification ids, $3: subscription ids, $4: states, $5: reasons or nulls,
-- in step. Index: push_deliveries_pkey.
update push_deliveries d
set state = t.state, reason = t.reason, ended_at = now()
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
    as t (user_id, notification_id, subscription_id, state, reason)
where
    d.user_id = t.user_id
    and d.notification_id = t.notification_id
    and d.subscription_id = t.subscription_id
    and d.state is not distinct from 'pending'
