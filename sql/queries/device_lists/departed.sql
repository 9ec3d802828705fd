-- Who of some users shared a channel with somebody who left it, and shares none any more.
-- $1: who left, $2: channel ids, $3: user ids to choose from.
-- Indexes: channel_members_pkey, channel_members_user_id_idx, channels_pkey.
select distinct m.user_id
from channel_members m
where
    m.channel_id = any($2)
    and m.user_id = any($3)
    and m.user_id <> $1
    and not exists (
        select
        from channel_members own
        join channels c on c.id = own.channel_id and c.deleted_at is null
        join channel_members other on other.channel_id = own.channel_id and other.user_id = m.user_id
        where own.user_id = $1
    )
