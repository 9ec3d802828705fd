-- Empties deleted channels of their messages.
-- $1: rows at most. Indexes: channels_deleted_idx, messages_pkey.
delete from messages
where (channel_id, seq) in (
    select m.channel_id, m.seq
    from channels c
    join messages m on m.channel_id = c.id
    where c.deleted_at is not null
    limit $1
)
