-- Where people meet. A deleted community or channel is marked first, which hides it at once,
-- and emptied in chunks afterwards, so that deleting a large one locks nothing for long.

create table communities (
    id uuid constraint communities_pkey primary key,
    name text not null,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);

create index communities_deleted_idx on communities (id) where deleted_at is not null;

create table community_members (
    community_id uuid not null constraint community_members_community_id_fkey references communities (id),
    user_id uuid not null constraint community_members_user_id_fkey references users (id),
    role text not null,
    joined_at timestamptz not null default now(),
    constraint community_members_pkey primary key (community_id, user_id),
    constraint community_members_role_known check (role in ('owner', 'admin', 'member'))
);

create index community_members_user_id_idx on community_members (user_id);
-- A community has one owner, also when two hand-overs race.
create unique index community_members_single_owner_key on community_members (community_id) where role = 'owner';

-- Invite codes are shown again to admins, so they are stored as they are.
create table invites (
    code text constraint invites_pkey primary key,
    community_id uuid not null constraint invites_community_id_fkey references communities (id),
    created_by uuid not null constraint invites_created_by_fkey references users (id),
    -- Null: any number.
    max_uses integer,
    uses integer not null default 0,
    -- Null: never.
    expires_at timestamptz,
    created_at timestamptz not null default now()
);

create index invites_community_id_idx on invites (community_id, created_at);

-- A channel's row is the fence of everything a post depends on: posts take its lock to
-- number themselves, and whatever changes the channel's members, webhooks or existence
-- takes it too. So an edit that was answered binds every later post.
create table channels (
    id uuid constraint channels_pkey primary key,
    community_id uuid not null constraint channels_community_id_fkey references communities (id),
    name text not null,
    topic text not null default '',
    private boolean not null,
    -- Whoever joins the community is put into its default channel.
    is_default boolean not null default false,
    -- The place of the newest message. Advanced by every post: the free space of the page
    -- lets PostgreSQL update the row in place, without touching an index.
    last_seq bigint not null default 0,
    -- Grows with every join and leave, for senders who encrypt to the members.
    members_version bigint not null default 0,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
) with (fillfactor = 50);

create index channels_community_id_idx on channels (community_id);
create index channels_deleted_idx on channels (id) where deleted_at is not null;

create table channel_members (
    channel_id uuid not null constraint channel_members_channel_id_fkey references channels (id),
    user_id uuid not null constraint channel_members_user_id_fkey references users (id),
    -- The place up to which the member has read.
    read_seq bigint not null default 0,
    joined_at timestamptz not null default now(),
    constraint channel_members_pkey primary key (channel_id, user_id)
);

create index channel_members_user_id_idx on channel_members (user_id);
