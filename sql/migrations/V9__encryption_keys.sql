-- What end-to-end encryption needs of a server that cannot read: a directory of public keys, a
-- mailbox for each device, backups that only their users can open. The shapes are those of the
-- Matrix Client-Server API. Keys and contents are kept as the JSON text that was sent: the server
-- looks into them only where it must, and `jsonb` would refuse a text with U+0000 in it.
--
-- A device is a login session: everything of it hangs on the session's row and goes with it, in
-- the transaction that ends the session, however that ends.

-- What stands behind the colon of every user id and room id. Fixed at the first start, because it
-- is part of what is signed; null before that.
alter table instance add column server_name text;

-- The place of the newest change of anybody's device list. One row, whose lock a change holds
-- until it is committed: so changes are committed in the order of their places, and whoever has
-- read a place has every change before it. A sequence could not promise that.
create table device_list_stream (
    id boolean constraint device_list_stream_pkey primary key default true,
    position bigint not null default 0,
    constraint device_list_stream_single_row check (id)
) with (fillfactor = 50);

insert into device_list_stream default values;

-- The newest change of each user's device list. Older ones say nothing that it does not.
create table device_list_changes (
    user_id uuid constraint device_list_changes_pkey primary key
        constraint device_list_changes_user_id_fkey references users (id),
    position bigint not null
) with (fillfactor = 80);

-- Where in the same order a member came into the channel: those who share it from then on may have
-- missed earlier changes of each other.
alter table channel_members add column device_list_position bigint not null default 0;

-- A device that encrypts, with the keys that name it.
create table device_keys (
    session_id uuid constraint device_keys_pkey primary key
        constraint device_keys_session_id_fkey references sessions (id) on delete cascade,
    user_id uuid not null constraint device_keys_user_id_fkey references users (id),
    device_keys text not null,
    created_at timestamptz not null default now()
);

create index device_keys_user_id_idx on device_keys (user_id);

-- Keys that are handed out once, to whoever begins an encrypted session with the device. The row
-- stays for a while without its key: a device that repeats an upload, because the answer to the
-- first was lost, must not bring a key back that somebody has.
create table one_time_keys (
    session_id uuid not null constraint one_time_keys_session_id_fkey
        references device_keys (session_id) on delete cascade,
    key_id text not null,
    -- Null once it was handed out.
    key text,
    -- The order of uploading: the oldest is handed out first.
    position bigint generated always as identity,
    claimed_at timestamptz,
    constraint one_time_keys_pkey primary key (session_id, key_id),
    constraint one_time_keys_claimed check ((key is null) = (claimed_at is not null))
);

-- For handing one out, and for counting those that are left.
create index one_time_keys_unclaimed_idx on one_time_keys (session_id, position) where claimed_at is null;
-- For forgetting those that were handed out long ago.
create index one_time_keys_claimed_at_idx on one_time_keys (claimed_at) where claimed_at is not null;

-- What is handed out when no one-time key is left, as often as needed.
create table fallback_keys (
    session_id uuid constraint fallback_keys_pkey primary key
        constraint fallback_keys_session_id_fkey references device_keys (session_id) on delete cascade,
    key_id text not null,
    key text not null,
    -- Whether somebody has it, so that the device should bring another.
    used boolean not null default false
);

-- The keys by which a user vouches for their own devices and for other users.
create table cross_signing_keys (
    user_id uuid not null constraint cross_signing_keys_user_id_fkey references users (id),
    usage text not null,
    public_key text not null,
    key text not null,
    constraint cross_signing_keys_pkey primary key (user_id, usage),
    constraint cross_signing_keys_usage_known
        check (usage in ('master', 'self_signing', 'user_signing'))
);

-- Signatures that were added after a key was uploaded. Apart from the keys, because what a user
-- signs of others is for their own eyes.
create table key_signatures (
    target_user_id uuid not null constraint key_signatures_target_user_id_fkey references users (id),
    -- A device id, or the public key of a cross-signing key.
    target_key text not null,
    signer_user_id uuid not null constraint key_signatures_signer_user_id_fkey references users (id),
    signer_key_id text not null,
    signature text not null,
    -- When it was made, in the order of device list changes.
    position bigint not null,
    -- The devices among the two keys, with which the signature goes.
    target_session_id uuid constraint key_signatures_target_session_id_fkey
        references device_keys (session_id) on delete cascade,
    signer_session_id uuid constraint key_signatures_signer_session_id_fkey
        references device_keys (session_id) on delete cascade,
    constraint key_signatures_pkey
        primary key (target_user_id, target_key, signer_user_id, signer_key_id)
);

create index key_signatures_signer_idx on key_signatures (signer_user_id, position);
create index key_signatures_target_session_id_idx on key_signatures (target_session_id)
    where target_session_id is not null;
create index key_signatures_signer_session_id_idx on key_signatures (signer_session_id)
    where signer_session_id is not null;

-- What waits for a device, in all. Whoever puts something in holds the row's lock, so that the
-- places in a mailbox are in the order of commits: a device that has read up to a place has
-- everything before it.
create table to_device_mailboxes (
    session_id uuid constraint to_device_mailboxes_pkey primary key
        constraint to_device_mailboxes_session_id_fkey
        references device_keys (session_id) on delete cascade,
    last_position bigint not null default 0,
    waiting_messages integer not null default 0,
    waiting_bytes bigint not null default 0
) with (fillfactor = 50);

-- Hangs on the mailbox, not on the session: a sender holds the lock of the one, and must not wait
-- for the other while the session ends.
create table to_device_messages (
    session_id uuid not null constraint to_device_messages_session_id_fkey
        references to_device_mailboxes (session_id) on delete cascade,
    position bigint not null,
    sender_id uuid not null constraint to_device_messages_sender_id_fkey references users (id),
    event_type text not null,
    content text not null,
    created_at timestamptz not null default now(),
    constraint to_device_messages_pkey primary key (session_id, position)
);

-- For forgetting what nobody came for.
create index to_device_messages_created_at_idx on to_device_messages (created_at);

-- What a device has sent already, so that a repeat changes nothing.
create table to_device_transactions (
    session_id uuid not null constraint to_device_transactions_session_id_fkey
        references sessions (id) on delete cascade,
    txn_id text not null,
    created_at timestamptz not null default now(),
    constraint to_device_transactions_pkey primary key (session_id, txn_id)
);

create index to_device_transactions_created_at_idx on to_device_transactions (created_at);

-- Backups of the keys of conversations, encrypted by their user. A version is never used again,
-- also after its backup was deleted.
create table room_key_backups (
    user_id uuid not null constraint room_key_backups_user_id_fkey references users (id),
    version bigint generated always as identity,
    algorithm text not null,
    auth_data text not null,
    -- Grows with every change of the keys.
    etag bigint not null default 0,
    keys integer not null default 0,
    bytes bigint not null default 0,
    created_at timestamptz not null default now(),
    constraint room_key_backups_pkey primary key (user_id, version)
) with (fillfactor = 70);

-- No foreign key to the channel: what was said in one that is gone may still be on a device.
create table room_keys (
    user_id uuid not null,
    version bigint not null,
    channel_id uuid not null,
    session_id text not null,
    first_message_index bigint not null,
    forwarded_count bigint not null,
    is_verified boolean not null,
    session_data text not null,
    constraint room_keys_pkey primary key (user_id, version, channel_id, session_id),
    constraint room_keys_backup_fkey foreign key (user_id, version)
        references room_key_backups (user_id, version) on delete cascade
);

-- Secrets of a user, encrypted with their recovery key, by which a new device finds the rest.
create table account_data (
    user_id uuid not null constraint account_data_user_id_fkey references users (id),
    type text not null,
    content text not null,
    constraint account_data_pkey primary key (user_id, type)
);
