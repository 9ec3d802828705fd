-- Which of some users are in a community.
-- $1: community id, $2: user ids. Index: community_members_pkey.
select user_id from community_members where community_id = $1 and user_id = any($2)
