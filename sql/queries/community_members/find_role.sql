-- What a user is in a community; no row outside it.
-- $1: community id, $2: user id. Index: community_members_pkey.
select role from community_members where community_id = $1 and user_id = $2
