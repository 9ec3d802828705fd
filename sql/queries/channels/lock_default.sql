-- Locks the channel that everybody who joins the community is put into.
-- $1: community id. Index: channels_community_id_idx.
select id from channels where community_id = $1 and is_default and deleted_at is null for no key update
