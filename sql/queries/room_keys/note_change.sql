-- Notes what a change did to a backup whose lock is held.
-- $1: user id, $2: version, $3: keys more or fewer, $4: bytes more or fewer.
-- Index: room_key_backups_pkey.
update room_key_backups
set etag = etag + 1, keys = keys + $3::integer, bytes = bytes + $4::bigint
where user_id = $1 and version = $2
returning etag, keys
