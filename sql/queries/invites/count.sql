-- Counts the invites of a community that still work.
-- $1: community id. Index: invites_community_id_idx.
select count(*) as count
from invites
where
    community_id = $1
    and (expires_at is null or expires_at > now())
    and (max_uses is null or uses < max_uses)
