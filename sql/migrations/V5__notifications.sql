-- Who was mentioned. A row is written in the transaction of its message, so that no crash
-- can lose it. Keyed by user, whose inbox it is.

create table notifications (
    user_id uuid not null,
    -- UUIDv7, so that the newest sorts last.
    id uuid not null,
    kind text not null,
    community_id uuid not null,
    channel_id uuid not null,
    message_id uuid not null,
    seq bigint not null,
    author_name text not null,
    author_avatar_url text,
    -- The beginning of the content; blanked when the message is deleted.
    preview text not null,
    -- What became of the alert: pending until a client acknowledged it (delivered) or the
    -- user read it.
    state text not null default 'pending',
    created_at timestamptz not null,
    -- When the first client of the user acknowledged the alert.
    acknowledged_at timestamptz,
    read_at timestamptz,
    constraint notifications_pkey primary key (user_id, id),
    constraint notifications_kind_known check (kind = 'mention'),
    constraint notifications_state_known check (state in ('pending', 'delivered', 'read'))
) with (fillfactor = 80);

-- For reading a channel up to a message, and for blanking a deleted message's previews.
create index notifications_user_id_channel_id_seq_idx on notifications (user_id, channel_id, seq);
-- For counting, offering again and marking what is unread.
create index notifications_unread_idx on notifications (user_id, id) where read_at is null;
-- For forgetting the oldest.
create index notifications_created_at_idx on notifications (created_at);
