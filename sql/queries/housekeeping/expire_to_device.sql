-- Forgets messages to devices that were not fetched for too long. Takes the locks of the mailboxes
-- first, in id order as senders do.
-- $1: days, $2: rows at most. Indexes: to_device_messages_created_at_idx, to_device_messages_pkey,
-- to_device_mailboxes_pkey.
with old as materialized (
    select session_id, position
    from to_device_messages
    where created_at < now() - make_interval(days => $1)
    limit $2
),
locked as materialized (
    select session_id
    from to_device_mailboxes
    where session_id = any(array(select o.session_id from old o))
    order by session_id
    for no key update
),
gone as (
    delete from to_device_messages m
    using old o
    where
        m.session_id = o.session_id
        and m.position = o.position
        and m.session_id = any(array(select l.session_id from locked l))
    returning m.session_id, octet_length(m.content) as bytes
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
