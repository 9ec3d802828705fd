-- Puts a member of the community into a channel, with everything so far counted as read, and
-- notes where in the order of device list changes that is. Tells whether the user may be in it
-- and whether they were not. The caller holds its lock, for which it may have waited: the time of
-- joining is that of this statement, not of the transaction, so that it is after every message
-- that was written before.
-- $1: channel id, $2: user id. Indexes: channels_pkey, community_members_pkey,
-- channel_members_pkey, device_list_stream_pkey.
with eligible as (
    select
        c.id as channel_id,
        cm.user_id,
        c.last_seq,
        exists (
            select from channel_members m where m.channel_id = c.id and m.user_id = cm.user_id
        ) as joined
    from channels c
    join community_members cm on cm.community_id = c.community_id
    where c.id = $1 and cm.user_id = $2
),
next as (
    update device_list_stream
    set position = position + 1
    where id and exists (select from eligible where not joined)
    returning position
),
inserted as (
    insert into channel_members (channel_id, user_id, read_seq, joined_at, device_list_position)
    select e.channel_id, e.user_id, e.last_seq, clock_timestamp(), n.position
    from eligible e
    cross join next n
    where not e.joined
    on conflict on constraint channel_members_pkey do nothing
    returning user_id
)
select exists (select from eligible) as eligible, exists (select from inserted) as inserted
