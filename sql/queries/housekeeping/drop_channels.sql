-- Removes deleted channels that are empty.
-- $1: rows at most. Indexes: channels_deleted_idx, messages_pkey, webhooks_pkey, channel_members_pkey.
delete from channels
where id in (
    select c.id
    from channels c
    where
        c.deleted_at is not null
        and not exists (select from messages m where m.channel_id = c.id)
        and not exists (select from webhooks w where w.channel_id = c.id)
        and not exists (select from channel_members m where m.channel_id = c.id)
    limit $1
)
