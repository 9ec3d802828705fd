-- Deletes a backup with all its keys.
-- $1: user id, $2: version. Index: room_key_backups_pkey.
delete from room_key_backups where user_id = $1 and version = $2
