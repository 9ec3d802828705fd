-- Lists the members of a channel by name.
-- $1: channel id. Index: channel_members_pkey.
select u.id as user_id, u.username, u.display_name, u.instance_role, u.created_at as user_created_at
from channel_members m
join users u on u.id = m.user_id
where m.channel_id = $1
order by lower(u.username)
