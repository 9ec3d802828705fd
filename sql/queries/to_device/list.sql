-- What waits for a device behind a place, in order.
-- $1: session id, $2: place, $3: rows at most. Indexes: to_device_messages_pkey, instance_pkey.
select m.position, '@' || m.sender_id || ':' || i.server_name as sender, m.event_type, m.content
from to_device_messages m
join instance i on i.id
where m.session_id = $1 and m.position > $2
order by m.position
limit $3
