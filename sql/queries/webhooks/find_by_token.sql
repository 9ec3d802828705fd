-- Finds where a token leads, whether or not the webhook is active.
-- $1: SHA-256 of the token. Index: webhook_tokens_pkey.
select webhook_id, channel_id from webhook_tokens where token_hash = $1
