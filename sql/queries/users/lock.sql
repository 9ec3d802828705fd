-- Locks a user against changes of what is counted per user.
-- $1: user id. Index: users_pkey.
select id from users where id = $1 for no key update
