-- Spends one use of an invite; no row when none is left. Its row lock makes two that race
-- for the last use go one after the other.
-- $1: code. Index: invites_pkey.
update invites
set uses = uses + 1
where
    code = $1
    and (expires_at is null or expires_at > now())
    and (max_uses is null or uses < max_uses)
returning community_id
