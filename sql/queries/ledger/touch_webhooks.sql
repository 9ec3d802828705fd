-- Notes that webhooks were used.
-- $1: channel ids, $2: webhook ids, in step. Index: webhooks_pkey.
update webhooks w
set last_used_at = now()
from unnest($1::uuid[], $2::uuid[]) as p (channel_id, id)
where w.channel_id = p.channel_id and w.id = p.id
