-- Locks a session of a user that is about to end. Keys that it is just uploading are waited for.
-- $1: user id, $2: session id. Index: sessions_pkey.
select id from sessions where user_id = $1 and id = $2 for update
