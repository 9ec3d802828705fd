-- Draws the sum of what became of the pushes of alerts whose locks are held: one that arrived
-- is enough; while one is owed nothing is decided; without any device left the alert waits in
-- the inbox.
-- $1: user ids, $2: notification ids, in step. Indexes: notifications_pkey,
-- push_deliveries_pkey.
update notifications n
set
    state = case when d.pushed then 'pushed' when d.failed then 'failed' else 'inbox' end,
    reason = case when not d.pushed then d.reason end
from (
    select
        t.user_id,
        t.id,
        bool_or(p.state = 'pushed') as pushed,
        bool_or(p.state = 'pending') as owed,
        bool_or(p.state = 'failed') as failed,
        min(p.reason) filter (where p.state = 'failed') as reason
    from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
    join push_deliveries p on p.user_id = t.user_id and p.notification_id = t.id
    group by t.user_id, t.id
) as d
where
    n.user_id = d.user_id
    and n.id = d.id
    and n.state = 'pushing'
    and (d.pushed or not d.owed)
