-- Which of the names in posts are those of members of the posts' channels. Runs after the
-- fences are taken.
-- $1: channel ids, $2: usernames, in step. Indexes: users_username_key, channel_members_pkey.
select c.channel_id, u.username, u.id as user_id
from unnest($1::uuid[], $2::text[]) as c (channel_id, username)
join users u on u.username = c.username
join channel_members m on m.channel_id = c.channel_id and m.user_id = u.id
