-- Which of some users see a channel in their lists. The channel may just have been deleted.
-- $1: channel id, $2: user ids. Indexes: channels_pkey, community_members_pkey, channel_members_pkey.
select cm.user_id
from channels c
join community_members cm on cm.community_id = c.community_id and cm.user_id = any($2)
left join channel_members m on m.channel_id = c.id and m.user_id = cm.user_id
where c.id = $1 and (not c.private or m.user_id is not null or cm.role in ('owner', 'admin'))
