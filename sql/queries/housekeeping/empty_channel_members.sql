-- Empties deleted channels of their members.
-- $1: rows at most. Indexes: channels_deleted_idx, channel_members_pkey.
delete from channel_members
where (channel_id, user_id) in (
    select m.channel_id, m.user_id
    from channels c
    join channel_members m on m.channel_id = c.id
    where c.deleted_at is not null
    limit $1
)
