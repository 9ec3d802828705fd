-- Renames a community.
-- $1: community id, $2: name. Index: communities_pkey.
update communities set name = $2 where id = $1 and deleted_at is null
