-- Some communities that are marked as deleted.
-- $1: how many at most. Index: communities_deleted_idx.
select id from communities where deleted_at is not null order by id limit $1
