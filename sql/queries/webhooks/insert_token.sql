-- Makes a webhook findable by its token and by its id.
-- $1: SHA-256 of the token, $2: webhook id, $3: channel id.
insert into webhook_tokens (token_hash, webhook_id, channel_id) values ($1, $2, $3)
