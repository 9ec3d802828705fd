-- Finds a channel, with a user's role in its community (null outside it) and place in it.
-- $1: channel id, $2: user id.
-- Indexes: channels_pkey, channel_members_pkey, community_members_pkey,
-- notifications_user_id_channel_id_seq_idx.
select
    c.id,
    c.community_id,
    c.name,
    c.topic,
    c.private,
    m.user_id is not null as joined,
    m.joined_at,
    c.last_seq,
    c.members_version,
    coalesce(m.read_seq, 0) as read_seq,
    case when m.user_id is null then 0 else (
        select count(*)
        from notifications n
        where n.user_id = $2 and n.channel_id = c.id and n.read_at is null
    ) end as unread_mentions,
    c.created_at,
    cm.role
from channels c
left join channel_members m on m.channel_id = c.id and m.user_id = $2
left join community_members cm on cm.community_id = c.community_id and cm.user_id = $2
where c.id = $1 and c.deleted_at is null
