-- What people write: end-to-end encrypted, so the server keeps what it is given and cannot read
-- it. Plaintext enters a channel only through a webhook, and the table itself says so: a row is
-- of a webhook and has a content, or of a user and has an envelope, never both.

alter table messages
    -- Who wrote it. No foreign key: accounts are not removed, and a look at one for every
    -- message would be for nothing.
    add column user_id uuid,
    -- The sign-in of the author that encrypted it; the message outlives it.
    add column device_id uuid,
    -- The JSON text as the author's device sent it, not as jsonb: every reader must get the
    -- same bytes. Null once the message was deleted.
    add column envelope text,
    -- When its author last put another envelope in its place.
    add column edited_at timestamptz;

-- Ciphertext does not get smaller, so trying to compress it would only cost time.
alter table messages alter column envelope set storage external;

alter table messages
    drop constraint messages_kind_known,
    add constraint messages_kind_known check (
        (
            kind = 'webhook'
            and webhook_id is not null
            and author_name is not null
            and (content is null) = (deleted_at is not null)
            and num_nonnulls(user_id, device_id, envelope, edited_at) = 0
        )
        or (
            kind = 'user'
            and user_id is not null
            and device_id is not null
            and (envelope is null) = (deleted_at is not null)
            and num_nonnulls(webhook_id, author_name, author_avatar_url, content) = 0
            and mentions = '{}'
        )
    );

-- What a device has sent, by the transaction ids that it chose, so that a send that is repeated
-- because its answer was lost gets that answer and is not written again. Kept for some days: who
-- repeats later sends anew. No foreign keys: a row refers to what was answered, which stays so
-- whatever becomes of the device, the message or the channel.
create table message_transactions (
    device_id uuid not null,
    channel_id uuid not null,
    txn_id text not null,
    message_id uuid not null,
    seq bigint not null,
    created_at timestamptz not null,
    constraint message_transactions_pkey primary key (device_id, channel_id, txn_id)
);

-- For forgetting the oldest. Rows lie in the order of their age, so a summary of ranges is enough.
create index message_transactions_created_at_brin_idx on message_transactions using brin (created_at);
