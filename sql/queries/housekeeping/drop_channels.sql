-- Removes those of some deleted channels that are empty.
-- $1: channel ids. Indexes: channels_pkey, messages_pkey, webhooks_pkey, channel_members_pkey.
delete from channels c
where
    c.id = any($1)
    and c.deleted_at is not null
    and not exists (select from messages m where m.channel_id = c.id)
    and not exists (select from webhooks w where w.channel_id = c.id)
    and not exists (select from channel_members m where m.channel_id = c.id)
