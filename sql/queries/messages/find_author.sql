-- Who wrote a message (null: a webhook), and whether it was deleted. The caller holds the channel's
-- lock.
-- $1: channel id, $2: message id. Index: messages_channel_id_id_key.
select user_id, deleted_at is not null as deleted from messages where channel_id = $1 and id = $2
