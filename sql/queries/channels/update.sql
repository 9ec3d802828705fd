-- Changes a channel's name or topic; null leaves it.
-- $1: channel id, $2: name or null, $3: topic or null. Index: channels_pkey.
update channels set name = coalesce($2, name), topic = coalesce($3, topic) where id = $1 and deleted_at is null
