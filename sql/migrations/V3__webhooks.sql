-- The URLs that automations post to.

create table webhooks (
    channel_id uuid not null constraint webhooks_channel_id_fkey references channels (id),
    id uuid not null,
    name text not null,
    avatar_url text,
    active boolean not null default true,
    created_by uuid not null constraint webhooks_created_by_fkey references users (id),
    created_at timestamptz not null default now(),
    -- Exact to a minute: it is written at most that often.
    last_used_at timestamptz,
    constraint webhooks_pkey primary key (channel_id, id)
) with (fillfactor = 70);

-- The directory that leads from a token, or from a webhook's id alone, to the webhook. It
-- never changes while the webhook exists, so servers may remember what they found here.
create table webhook_tokens (
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash bytea constraint webhook_tokens_pkey primary key,
    webhook_id uuid not null constraint webhook_tokens_webhook_id_key unique,
    channel_id uuid not null,
    constraint webhook_tokens_webhook_fkey foreign key (channel_id, webhook_id)
        references webhooks (channel_id, id) on delete cascade
);

create index webhook_tokens_channel_id_idx on webhook_tokens (channel_id);
