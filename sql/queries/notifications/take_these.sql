-- Takes the locks of those of some alerts that nothing became of yet. The state is compared in
-- a way that keeps PostgreSQL from reading the index of all that are pending for each of them.
-- $1: user ids, $2: notification ids, in step. Index: notifications_pkey.
select n.user_id, n.id
from unnest($1::uuid[], $2::uuid[]) as t (user_id, id)
join notifications n on n.user_id = t.user_id and n.id = t.id
where n.state is not distinct from 'pending'
for no key update of n skip locked
