-- Finds the session of a token, unless it went unused for too long, with its user and
-- whether its last use should be noted again.
-- $1: SHA-256 of the token, $2: days it may go unused. Index: sessions_token_hash_key.
select
    s.id as session_id,
    s.last_seen_at < now() - interval '1 minute' as touch_due,
    u.id as user_id,
    u.username,
    u.display_name,
    u.instance_role,
    u.created_at as user_created_at
from sessions s
join users u on u.id = s.user_id
where s.token_hash = $1 and s.last_seen_at > now() - make_interval(days => $2)
