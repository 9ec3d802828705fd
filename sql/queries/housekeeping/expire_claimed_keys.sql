-- Forgets one-time keys that were handed out long ago: no upload of them is repeated any more.
-- $1: days, $2: rows at most. Index: one_time_keys_claimed_at_idx.
delete from one_time_keys
where (session_id, key_id) in (
    select session_id, key_id
    from one_time_keys
    where claimed_at < now() - make_interval(days => $1)
    limit $2
)
