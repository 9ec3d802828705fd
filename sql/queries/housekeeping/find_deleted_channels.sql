-- Some channels that are marked as deleted.
-- $1: how many at most. Index: channels_deleted_idx.
select id from channels where deleted_at is not null order by id limit $1
