-- Forgets invites that ended more than 30 days ago.
-- $1: rows at most. Reads the table, which is small: a community has at most 500 that work.
delete from invites
where code in (select code from invites where expires_at < now() - interval '30 days' limit $1)
