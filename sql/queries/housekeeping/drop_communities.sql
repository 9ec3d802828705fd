-- Removes those of some deleted communities that are empty.
-- $1: community ids. Indexes: communities_pkey, channels_community_id_idx,
-- community_members_pkey, invites_community_id_idx.
delete from communities c
where
    c.id = any($1)
    and c.deleted_at is not null
    and not exists (select from channels ch where ch.community_id = c.id)
    and not exists (select from community_members m where m.community_id = c.id)
    and not exists (select from invites i where i.community_id = c.id)
