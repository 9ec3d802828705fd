-- Where an invite leads, if it still works.
-- $1: code. Index: invites_pkey.
select c.id, c.name
from invites i
join communities c on c.id = i.community_id
where
    i.code = $1
    and c.deleted_at is null
    and (i.expires_at is null or i.expires_at > now())
    and (i.max_uses is null or i.uses < i.max_uses)
