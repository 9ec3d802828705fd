-- Takes a user out of every channel of a community. The caller holds the channels' locks.
-- $1: community id, $2: user id. Indexes: channels_community_id_idx, channel_members_pkey.
with gone as (
    delete from channel_members m
    using channels c
    where c.community_id = $1 and m.channel_id = c.id and m.user_id = $2
    returning m.channel_id
)
update channels
set members_version = members_version + 1
where id in (select channel_id from gone)
returning id, members_version
