-- Ends sessions that went unused for too long.
-- $1: days, $2: rows at most. Index: sessions_last_seen_at_idx.
delete from sessions
where id in (
    select id from sessions where last_seen_at < now() - make_interval(days => $1) limit $2
)
