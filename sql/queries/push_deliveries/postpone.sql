-- Notes when pushes are to be tried again. The state is compared as in end.sql.
-- $1: user ids, $2: notification ids, $3: subscription ids, $4: seconds from now, in step.
-- Index: push_deliveries_pkey.
update push_deliveries d
set next_attempt_at = now() + make_interval(secs => t.seconds)
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::double precision[])
    as t (user_id, notification_id, subscription_id, seconds)
where
    d.user_id = t.user_id
    and d.notification_id = t.notification_id
    and d.subscription_id = t.subscription_id
    and d.state is not distinct from 'pending'
