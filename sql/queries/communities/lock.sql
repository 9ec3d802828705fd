-- Locks a community against changes of its members and channels.
-- $1: community id. Index: communities_pkey.
select id from communities where id = $1 and deleted_at is null for no key update
