-- Takes the locks of notifications, in key order, so that of two that settle the pushes of one
-- the second sees what the first did.
-- $1: user ids, $2: notification ids, in step. Index: notifications_pkey.
select n.id
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
join notifications n on n.user_id = t.user_id and n.id = t.id
order by n.user_id, n.id
for no key update of n
