-- Notes that alerts reached a client of their users; only the first time counts. Whatever else
-- became of an alert before, a client has it now.
-- $1: user ids, $2: notification ids, in step. Index: notifications_pkey.
update notifications n
set
    acknowledged_at = now(),
    state = case when n.state = 'read' then 'read' else 'delivered' end
from unnest($1::uuid[], $2::uuid[]) as a (user_id, id)
where n.user_id = a.user_id and n.id = a.id and n.acknowledged_at is null
