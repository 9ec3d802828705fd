-- Locks sessions that went unused for too long and are about to end. One that is in use at this
-- moment is passed over until the next time.
-- $1: days, $2: rows at most. Index: sessions_last_seen_at_idx.
select id
from sessions
where last_seen_at < now() - make_interval(days => $1)
limit $2
for update skip locked
