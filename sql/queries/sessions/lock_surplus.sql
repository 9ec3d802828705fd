-- Locks the sessions of a user beyond the bound, those unused for longest, which are about to end. They
-- are picked first: a lock taken while skipping the others would be on those too.
-- $1: user id, $2: how many may stay. Indexes: sessions_user_id_idx, sessions_pkey.
select id
from sessions
where id = any(array(
    select s.id from sessions s where s.user_id = $1 order by s.last_seen_at desc, s.id desc offset $2
))
order by id
for update
