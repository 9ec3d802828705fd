-- What waits for a device behind a place, in order. The sizes are known without reading the
-- contents, so that of many large ones only those are read that fit.
-- $1: session id, $2: place, $3: rows at most, $4: bytes of contents after which no further one
-- begins. Indexes: to_device_messages_pkey, instance_pkey.
with page as (
    select
        position,
        sum(octet_length(content)) over (order by position) - octet_length(content) as bytes_before
    from to_device_messages
    where session_id = $1 and position > $2
    order by position
    limit $3
)
select m.position, '@' || m.sender_id || ':' || i.server_name as sender, m.event_type, m.content
from page p
join to_device_messages m on m.session_id = $1 and m.position = p.position
join instance i on i.id
where p.bytes_before < $4
order by m.position
