-- Notes that a session is used.
-- $1: session id. Index: sessions_pkey.
update sessions set last_seen_at = now() where id = $1
