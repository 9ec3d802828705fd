-- Forgets invites that ended, or were used up and made, more than 30 days ago.
-- $1: rows at most. Reads the table, which this keeps small: a community has at most 500
-- invites that work.
delete from invites
where code in (
    select code
    from invites
    where
        expires_at < now() - interval '30 days'
        or (uses >= max_uses and created_at < now() - interval '30 days')
    limit $1
)
