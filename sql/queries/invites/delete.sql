-- Ends an invite.
-- $1: code. Index: invites_pkey.
delete from invites where code = $1
