-- Makes an invite.
-- $1: code, $2: community id, $3: creator, $4: uses at most or null, $5: seconds it lives or null.
insert into invites (code, community_id, created_by, max_uses, expires_at)
values ($1, $2, $3, $4, now() + make_interval(secs => $5))
returning code, max_uses, uses, expires_at, created_at
