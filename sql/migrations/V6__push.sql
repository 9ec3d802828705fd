-- Web Push: who signs, and which devices are reached.

-- One row for the whole database, written by the first server that starts on it, so that all
-- servers sign with the same key: a browser's subscription works only with the key it was
-- made for.
create table vapid_keys (
    id boolean constraint vapid_keys_pkey primary key default true,
    -- The 32 bytes of a P-256 private key, in base64url.
    private_key text not null,
    created_at timestamptz not null default now(),
    constraint vapid_keys_single_row check (id)
);

-- A browser that asked to be reached. It belongs to the sign-in that it was made in and ends
-- with it. Keyed by user, so that what is owed to a device can refer to both.
create table push_subscriptions (
    user_id uuid not null,
    id uuid not null,
    session_id uuid not null constraint push_subscriptions_session_id_fkey
        references sessions (id) on delete cascade,
    -- Where the push service takes what is for this device: whoever knows it can send there.
    endpoint text not null,
    -- SHA-256 of the endpoint: an index on 1,024 characters would be large for nothing.
    endpoint_hash bytea not null constraint push_subscriptions_endpoint_hash_key unique,
    -- The browser's public key and its secret, both in base64url, for encrypting to it.
    p256dh text not null,
    auth text not null,
    created_at timestamptz not null default now(),
    last_success_at timestamptz,
    -- Since when nothing arrived; null after a success.
    failing_since timestamptz,
    constraint push_subscriptions_pkey primary key (user_id, id)
);

-- For ending those of a session.
create index push_subscriptions_session_id_idx on push_subscriptions (session_id);
