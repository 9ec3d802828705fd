-- Takes the fences of the channels that posts arrived for, in id order so that no two
-- transactions deadlock, and reads where each stands.
-- $1: channel ids. Indexes: channels_pkey, instance_pkey.
select id, last_seq, community_id, name, members_version, (select epoch from instance where id) as epoch
from channels
where id = any($1) and deleted_at is null
order by id
for no key update
