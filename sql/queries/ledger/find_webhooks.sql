-- Which of the webhooks that posts came through are still there and active, with what their
-- messages carry. Runs after the fences are taken.
-- $1: channel ids, $2: webhook ids, in step. Index: webhooks_pkey.
select
    w.channel_id,
    w.id,
    w.name,
    w.avatar_url,
    w.last_used_at is null or w.last_used_at < now() - interval '60 seconds' as usage_due
from unnest($1::uuid[], $2::uuid[]) as p (channel_id, id)
join webhooks w on w.channel_id = p.channel_id and w.id = p.id
where w.active
