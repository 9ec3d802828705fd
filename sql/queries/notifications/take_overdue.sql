-- Takes the locks of alerts that nothing became of in time, the oldest first. Those that
-- another server has in hand are left to it.
-- $1: accepted no later than this, $2: how many at most. Index: notifications_pending_idx.
select user_id, id
from notifications
where state = 'pending' and created_at <= $1
order by created_at
limit $2
for no key update skip locked
