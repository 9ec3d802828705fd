-- Of some users, those whom a user shares a channel with, and the user.
-- $1: user id, $2: user ids to choose from.
-- Indexes: channel_members_user_id_idx, channels_pkey, channel_members_pkey.
select u.id as user_id
from unnest($2::uuid[]) as u (id)
where
    u.id = $1
    or exists (
        select
        from channel_members own
        join channels c on c.id = own.channel_id and c.deleted_at is null
        join channel_members other on other.channel_id = own.channel_id and other.user_id = u.id
        where own.user_id = $1
    )
