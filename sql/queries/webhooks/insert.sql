-- Makes a webhook. The caller holds the channel's lock.
-- $1: channel id, $2: webhook id, $3: name, $4: avatar URL or null, $5: creator.
insert into webhooks (channel_id, id, name, avatar_url, created_by)
values ($1, $2, $3, $4, $5)
returning id, channel_id, name, avatar_url, active, created_by, created_at, last_used_at
