-- What was said. Keyed by channel and place, so that reading a channel is reading a range
-- and the table can be split by channel one day. `id` is a name, never a cursor.
-- No foreign key to the channel: every insert holds the channel's row lock already, and a
-- channel's row goes only after its messages.

create table messages (
    channel_id uuid not null,
    seq bigint not null,
    id uuid not null,
    kind text not null,
    -- No foreign key: a message outlives its webhook.
    webhook_id uuid,
    author_name text,
    author_avatar_url text,
    -- Null once the message was deleted.
    content text,
    -- The members it alerted, in order of appearance.
    mentions uuid[] not null default '{}',
    created_at timestamptz not null,
    deleted_at timestamptz,
    constraint messages_pkey primary key (channel_id, seq),
    constraint messages_channel_id_id_key unique (channel_id, id),
    -- Plaintext enters a channel only through a webhook.
    constraint messages_kind_known check (kind = 'webhook' and webhook_id is not null and author_name is not null)
);
