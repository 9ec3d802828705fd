-- Ends subscriptions that their push services no longer know, unless the browser has sent new
-- keys meanwhile.
-- $1: user ids, $2: subscription ids, $3: the p256dh each was tried with, in step.
-- Index: push_subscriptions_pkey.
delete from push_subscriptions p
using unnest($1::uuid[], $2::uuid[], $3::text[]) as t (user_id, id, p256dh)
where p.user_id = t.user_id and p.id = t.id and p.p256dh = t.p256dh
