-- Notes that sessions are in use by open sockets; returns those that exist.
-- $1: session ids. Index: sessions_pkey.
update sessions set last_seen_at = now() where id = any($1) returning id
