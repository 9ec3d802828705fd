-- Removes the notifications of deleted channels, found through the messages that made them,
-- so that it runs before those are emptied.
-- $1: channel ids, $2: rows at most. Indexes: messages_pkey, notifications_user_id_channel_id_seq_idx.
delete from notifications
where (user_id, id) in (
    select n.user_id, n.id
    from messages m
    join notifications n on n.user_id = any(m.mentions) and n.channel_id = m.channel_id and n.seq = m.seq
    where m.channel_id = any($1) and m.mentions <> '{}'
    limit $2
)
