-- Makes a user the owner of a new community.
-- $1: community id, $2: user id.
insert into community_members (community_id, user_id, role) values ($1, $2, 'owner')
