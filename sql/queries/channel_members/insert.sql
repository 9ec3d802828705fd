-- Puts a member of the community into a channel, with everything so far counted as read.
-- Tells whether the user may be in it and whether they were not. The caller holds its lock.
-- $1: channel id, $2: user id. Indexes: channels_pkey, community_members_pkey, channel_members_pkey.
with eligible as (
    select c.id as channel_id, cm.user_id, c.last_seq
    from channels c
    join community_members cm on cm.community_id = c.community_id
    where c.id = $1 and cm.user_id = $2
),
inserted as (
    insert into channel_members (channel_id, user_id, read_seq)
    select channel_id, user_id, last_seq from eligible
    on conflict on constraint channel_members_pkey do nothing
    returning user_id
)
select exists (select from eligible) as eligible, exists (select from inserted) as inserted
