-- Ends the invites of a community.
-- $1: community id. Index: invites_community_id_idx.
delete from invites where community_id = $1
