-- Where an invite leads, whether or not it still works.
-- $1: code. Index: invites_pkey.
select community_id from invites where code = $1
