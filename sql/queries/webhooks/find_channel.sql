-- Finds the channel of a webhook.
-- $1: webhook id. Index: webhook_tokens_webhook_id_key.
select channel_id from webhook_tokens where webhook_id = $1
