-- Notes that the device lists of users changed. The caller holds the place.
-- $1: user ids, $2: place. Index: device_list_changes_pkey.
insert into device_list_changes (user_id, position)
select u.id, $2
from (select distinct id from unnest($1::uuid[]) as u (id)) u
on conflict on constraint device_list_changes_pkey do update set position = excluded.position
