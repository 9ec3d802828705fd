-- Who uses this instance, and how they prove it.

-- One row for the whole database. `epoch` names one history of it: a restore writes a new
-- one, by which clients learn that their positions belong to another history.
create table instance (
    id boolean constraint instance_pkey primary key default true,
    epoch uuid not null default gen_random_uuid(),
    created_at timestamptz not null default now(),
    constraint instance_single_row check (id)
);

insert into instance default values;

create table users (
    id uuid constraint users_pkey primary key,
    username text not null,
    display_name text not null,
    -- Argon2id in PHC string form.
    password_hash text not null,
    instance_role text not null,
    created_at timestamptz not null default now(),
    constraint users_instance_role_known check (instance_role in ('owner', 'member'))
);

-- Unique ignoring case; usernames are ASCII, so lower() is exact. Sign-in looks up by it.
create unique index users_username_lower_key on users (lower(username));
-- Mentions are case-sensitive and look up by the exact name.
create unique index users_username_key on users (username);
-- An instance has one owner, also when two first registrations race.
create unique index users_single_owner_key on users (instance_role) where instance_role = 'owner';

create table sessions (
    id uuid constraint sessions_pkey primary key,
    user_id uuid not null constraint sessions_user_id_fkey references users (id),
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash bytea not null constraint sessions_token_hash_key unique,
    user_agent text,
    created_at timestamptz not null default now(),
    -- Exact to a minute: it is written at most that often.
    last_seen_at timestamptz not null default now()
);

create index sessions_user_id_idx on sessions (user_id, last_seen_at);
-- For ending those unused for too long.
create index sessions_last_seen_at_idx on sessions (last_seen_at);
