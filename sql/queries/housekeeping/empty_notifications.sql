-- Removes the notifications of deleted channels, through the messages that made them, so
-- that it runs before those are emptied.
-- $1: rows at most.
-- Indexes: channels_deleted_idx, messages_pkey, notifications_user_id_channel_id_seq_idx.
delete from notifications
where (user_id, id) in (
    select n.user_id, n.id
    from channels c
    join messages m on m.channel_id = c.id and m.mentions <> '{}'
    join notifications n on n.user_id = any(m.mentions) and n.channel_id = c.id and n.seq = m.seq
    where c.deleted_at is not null
    limit $1
)
