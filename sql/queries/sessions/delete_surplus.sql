-- Ends the sessions of a user beyond the bound, those unused for longest first.
-- $1: user id, $2: how many may stay. Index: sessions_user_id_idx.
delete from sessions
where id in (
    select id from sessions where user_id = $1 order by last_seen_at desc, id desc offset $2
)
returning id
