-- Which of the devices that posts came from are not signed in any more. Runs after the fences are
-- taken. Each look is one by the key: left to itself, PostgreSQL plans once, when the table is small,
-- and would go on to read it whole.
-- $1: device ids. Index: sessions_pkey.
select d.id
from unnest($1::uuid[]) as d (id)
left join lateral (
    select id from sessions where id = d.id limit 1
) s on true
where s.id is null
