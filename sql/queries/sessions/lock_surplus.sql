-- Locks the sessions of a user beyond the bound, those unused for longest, which are about to end.
-- $1: user id, $2: how many may stay. Index: sessions_user_id_idx.
select id
from sessions
where user_id = $1
order by last_seen_at desc, id desc
offset $2
for update
