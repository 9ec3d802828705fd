-- Signs a user in.
-- $1: session id, $2: user id, $3: SHA-256 of the token, $4: user agent or null.
insert into sessions (id, user_id, token_hash, user_agent) values ($1, $2, $3, $4)
