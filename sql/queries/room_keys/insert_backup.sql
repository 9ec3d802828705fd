-- Begins a backup.
-- $1: user id, $2: algorithm, $3: what the keys are encrypted with.
insert into room_key_backups (user_id, algorithm, auth_data) values ($1, $2, $3) returning version
