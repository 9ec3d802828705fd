-- Notes of alerts whose locks are held that they are owed to devices, or that their users have
-- none. The deliveries are asked for in a way that keeps PostgreSQL from reading all of them once
-- into memory, which it prefers to looking them up while it takes their table for small.
-- $1: user ids, $2: notification ids, in step. Indexes: notifications_pkey,
-- push_deliveries_pkey.
update notifications n
set
    state = coalesce(
        (
            select 'pushing'
            from push_deliveries d
            where d.user_id = n.user_id and d.notification_id = n.id
            limit 1
        ),
        'inbox'
    )
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
where n.user_id = t.user_id and n.id = t.id
