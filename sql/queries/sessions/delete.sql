-- Ends a session of a user.
-- $1: user id, $2: session id. Index: sessions_pkey.
delete from sessions where user_id = $1 and id = $2
