-- Finds a backup of a user: of a version, or the newest.
-- $1: user id, $2: version or null. Index: room_key_backups_pkey.
select version, algorithm, auth_data, etag, keys
from room_key_backups
where user_id = $1 and ($2::bigint is null or version = $2)
order by version desc
limit 1
