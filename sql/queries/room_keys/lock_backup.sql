-- Locks a backup against other changes of its keys; tells whether it is the newest and how full
-- it is, and how full the others of the user are, to which nothing is added any more.
-- $1: user id, $2: version. Index: room_key_backups_pkey.
select
    b.etag,
    b.keys,
    b.bytes,
    (
        select coalesce(sum(other.bytes), 0)
        from room_key_backups other
        where other.user_id = $1 and other.version <> $2
    )::bigint as bytes_of_others,
    not exists (
        select from room_key_backups newer where newer.user_id = $1 and newer.version > $2
    ) as is_current
from room_key_backups b
where b.user_id = $1 and b.version = $2
for no key update
