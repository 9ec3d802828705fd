-- Whether a webhook is there, active, and in a channel that is there: one row, or none.
-- $1: channel id, $2: webhook id. Indexes: webhooks_pkey, channels_pkey.
select w.id
from webhooks w
join channels c on c.id = w.channel_id
where w.channel_id = $1 and w.id = $2 and w.active and c.deleted_at is null
