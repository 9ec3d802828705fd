-- Counts the channels of a community.
-- $1: community id. Index: channels_community_id_idx.
select count(*) as count from channels where community_id = $1 and deleted_at is null
