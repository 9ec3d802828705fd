-- Replaces what the keys of a backup are encrypted with. No row: no such backup of the algorithm.
-- $1: user id, $2: version, $3: algorithm, $4: what the keys are encrypted with.
-- Index: room_key_backups_pkey.
update room_key_backups
set auth_data = $4
where user_id = $1 and version = $2 and algorithm = $3
