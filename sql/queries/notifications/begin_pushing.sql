-- Notes of alerts whose locks are held that they are owed to devices, or that their users have
-- none.
-- $1: user ids, $2: notification ids, in step. Indexes: notifications_pkey,
-- push_deliveries_pkey.
update notifications n
set
    state = case
        when exists (
            select from push_deliveries d
            where d.user_id = n.user_id and d.notification_id = n.id
        ) then 'pushing'
        else 'inbox'
    end
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
where n.user_id = t.user_id and n.id = t.id
