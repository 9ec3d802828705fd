-- Forgets notifications older than the inbox keeps them.
-- $1: days, $2: rows at most. Index: notifications_created_at_brin_idx.
delete from notifications
where (user_id, id) in (
    select user_id, id
    from notifications
    where created_at < now() - make_interval(days => $1)
    limit $2
)
