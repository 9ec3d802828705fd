-- Who of some users is to learn that the device lists of others changed, and of whose: those who
-- share a channel with them, and themselves.
-- $1: user ids whose lists changed, $2: user ids to choose from.
-- Indexes: channel_members_user_id_idx, channels_pkey, channel_members_pkey.
select a.told, array_agg(a.changed order by a.changed) as changed
from (
    select c.id as changed, o.user_id as told
    from unnest($1::uuid[]) as c (id)
    join channel_members m on m.user_id = c.id
    join channels ch on ch.id = m.channel_id and ch.deleted_at is null
    join channel_members o on o.channel_id = m.channel_id and o.user_id = any($2)
    union
    select c.id, c.id from unnest($1::uuid[]) as c (id) where c.id = any($2)
) a
group by a.told
