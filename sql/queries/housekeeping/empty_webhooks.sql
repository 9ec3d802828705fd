-- Empties deleted channels of their webhooks and, by cascade, of the ways to them.
-- $1: rows at most. Indexes: channels_deleted_idx, webhooks_pkey.
delete from webhooks
where (channel_id, id) in (
    select w.channel_id, w.id
    from channels c
    join webhooks w on w.channel_id = c.id
    where c.deleted_at is not null
    limit $1
)
