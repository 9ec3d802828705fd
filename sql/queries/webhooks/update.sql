-- Changes a webhook; null leaves a field. The caller holds the channel's lock.
-- $1: channel id, $2: webhook id, $3: name or null, $4: whether the avatar changes,
-- $5: the avatar URL then, or null for none, $6: active or null. Index: webhooks_pkey.
update webhooks
set
    name = coalesce($3, name),
    avatar_url = case when $4 then $5 else avatar_url end,
    active = coalesce($6, active)
where channel_id = $1 and id = $2
returning id, channel_id, name, avatar_url, active, created_by, created_at, last_used_at
