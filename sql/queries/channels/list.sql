-- Lists the channels of a community that a user may see: the public ones, those they are in,
-- and for admins all.
-- $1: community id, $2: user id.
-- Indexes: channels_community_id_idx, channel_members_pkey, notifications_user_id_channel_id_seq_idx.
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
    c.created_at
from channels c
left join channel_members m on m.channel_id = c.id and m.user_id = $2
join community_members cm on cm.community_id = c.community_id and cm.user_id = $2
where
    c.community_id = $1
    and c.deleted_at is null
    and (not c.private or m.user_id is not null or cm.role in ('owner', 'admin'))
order by c.created_at, c.id
