-- Puts a user into a community, unless they are in it.
-- $1: community id, $2: user id. Index: community_members_pkey.
insert into community_members (community_id, user_id, role)
values ($1, $2, 'member')
on conflict on constraint community_members_pkey do nothing
