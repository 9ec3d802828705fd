-- Lists a user's sessions, the one used last first.
-- $1: user id, $2: days a session may go unused. Index: sessions_user_id_idx.
select id, created_at, last_seen_at, user_agent
from sessions
where user_id = $1 and last_seen_at > now() - make_interval(days => $2)
order by last_seen_at desc, id desc
