-- Lists the invites of a community that still work, the oldest first.
-- $1: community id. Index: invites_community_id_idx.
select code, max_uses, uses, expires_at, created_at
from invites
where
    community_id = $1
    and (expires_at is null or expires_at > now())
    and (max_uses is null or uses < max_uses)
order by created_at, code
