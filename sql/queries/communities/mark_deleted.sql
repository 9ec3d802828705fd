-- Marks a community as deleted; its rows go later, in chunks.
-- $1: community id. Index: communities_pkey.
update communities set deleted_at = now() where id = $1 and deleted_at is null
