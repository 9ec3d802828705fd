-- Lists the webhooks of a channel, the oldest first.
-- $1: channel id. Index: webhooks_pkey.
select id, channel_id, name, avatar_url, active, created_by, created_at, last_used_at
from webhooks
where channel_id = $1
order by created_at, id
