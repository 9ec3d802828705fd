-- Locks every channel of a community, in id order so that no two transactions deadlock.
-- $1: community id. Index: channels_community_id_idx.
select id from channels where community_id = $1 and deleted_at is null order by id for no key update
