-- The members of channels by name, of each channel up to a bound. Runs after the fences are
-- taken.
-- $1: channel ids, $2: members of a channel at most. Indexes: channel_members_pkey, users_pkey.
select p.channel_id, u.username, u.id as user_id
from unnest($1::uuid[]) as p (channel_id)
cross join lateral (
    select user_id from channel_members where channel_id = p.channel_id limit $2
) m
join users u on u.id = m.user_id
