-- How many backups a user has.
-- $1: user id. Index: room_key_backups_pkey.
select count(*) as count from room_key_backups where user_id = $1
