-- Marks the channels of a community as deleted.
-- $1: community id. Index: channels_community_id_idx.
update channels set deleted_at = now() where community_id = $1 and deleted_at is null
