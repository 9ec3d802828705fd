-- Locks a backup against other changes of its keys; tells whether it is the newest and how full
-- it is, and how full all backups of the user are together.
-- $1: user id, $2: version. Index: room_key_backups_pkey.
select
    b.etag,
    b.keys,
    b.bytes,
    (select sum(every.bytes) from room_key_backups every where every.user_id = $1)::bigint as bytes_of_user,
    not exists (
        select from room_key_backups newer where newer.user_id = $1 and newer.version > $2
    ) as is_current
from room_key_backups b
where b.user_id = $1 and b.version = $2
for no key update
