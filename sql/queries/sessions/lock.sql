-- Keeps a user's session from ending before the transaction does.
-- $1: session id, $2: user id. Index: sessions_pkey.
select id from sessions where id = $1 and user_id = $2 for key share
