-- Deletes the content of a message, whose place stays taken.
-- $1: channel id, $2: message id. Index: messages_channel_id_id_key.
update messages
set content = null, envelope = null, deleted_at = coalesce(deleted_at, now())
where channel_id = $1 and id = $2
returning seq, mentions
