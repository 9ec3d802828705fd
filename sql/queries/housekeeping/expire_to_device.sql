-- Forgets messages to devices that were not fetched for too long.
-- $1: days, $2: rows at most. Indexes: to_device_messages_created_at_idx, to_device_messages_pkey,
-- to_device_mailboxes_pkey.
with gone as (
    delete from to_device_messages
    where (session_id, position) in (
        select session_id, position
        from to_device_messages
        where created_at < now() - make_interval(days => $1)
        limit $2
    )
    returning session_id, octet_length(content) as bytes
),
freed as (
    select session_id, count(*)::integer as messages, sum(bytes)::bigint as bytes
    from gone
    group by session_id
),
updated as (
    update to_device_mailboxes b
    set
        waiting_messages = b.waiting_messages - f.messages,
        waiting_bytes = b.waiting_bytes - f.bytes
    from freed f
    where b.session_id = f.session_id
)
select count(*) as count from gone
