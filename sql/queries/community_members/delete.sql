-- Takes a user out of a community.
-- $1: community id, $2: user id. Index: community_members_pkey.
delete from community_members where community_id = $1 and user_id = $2
