-- Takes up pushes that are due, as many as there are places for, and reads everything that is
-- to be checked before one leaves. Those that another server has in hand are left to it; a
-- lease keeps others away while this one sends.
-- $1: how many at most, $2: origins that have no place left, $3: origins with pushes on their
-- way, $4: how many more each of those may have, in step, $5: how many any other may have,
-- $6: seconds of the lease, $7: days a session may go unused.
-- Indexes: push_deliveries_due_idx, push_deliveries_pkey, notifications_pkey, channels_pkey,
-- channel_members_pkey, messages_pkey, push_subscriptions_pkey, sessions_pkey.
with due as materialized (
    select user_id, notification_id, subscription_id, origin, next_attempt_at
    from push_deliveries
    where state = 'pending' and next_attempt_at <= now() and origin <> all($2::text[])
    order by next_attempt_at
    limit $1
    for update skip locked
),
placed as (
    select
        user_id,
        notification_id,
        subscription_id,
        origin,
        row_number() over (partition by origin order by next_attempt_at) as place
    from due
),
claimed as (
    update push_deliveries d
    set attempts = d.attempts + 1, next_attempt_at = now() + make_interval(secs => $6)
    from placed p
    left join unnest($3::text[], $4::bigint[]) as r (origin, room) on r.origin = p.origin
    where
        d.user_id = p.user_id
        and d.notification_id = p.notification_id
        and d.subscription_id = p.subscription_id
        and p.place <= coalesce(r.room, $5)
    returning d.user_id, d.notification_id, d.subscription_id, d.origin, d.attempts
)
select
    d.user_id,
    d.subscription_id,
    d.origin,
    d.attempts,
    n.id,
    n.community_id,
    n.channel_id,
    coalesce(c.name, '') as channel_name,
    n.message_id,
    n.seq,
    n.author_name,
    n.author_avatar_url,
    n.preview,
    n.created_at,
    n.read_at,
    n.acknowledged_at is not null as acknowledged,
    c.id is not null and m.user_id is not null as is_member,
    g.content is not null as message_exists,
    s.id is not null as subscribed,
    p.endpoint,
    p.p256dh,
    p.auth
from claimed d
join notifications n on n.user_id = d.user_id and n.id = d.notification_id
left join channels c on c.id = n.channel_id and c.deleted_at is null
left join channel_members m on m.channel_id = n.channel_id and m.user_id = n.user_id
left join messages g on g.channel_id = n.channel_id and g.seq = n.seq
left join push_subscriptions p on p.user_id = d.user_id and p.id = d.subscription_id
left join sessions s
    on s.id = p.session_id and s.last_seen_at > now() - make_interval(days => $7)
