-- Removes deleted communities that are empty.
-- $1: rows at most. Indexes: communities_deleted_idx, channels_community_id_idx,
-- community_members_pkey, invites_community_id_idx.
delete from communities
where id in (
    select c.id
    from communities c
    where
        c.deleted_at is not null
        and not exists (select from channels ch where ch.community_id = c.id)
        and not exists (select from community_members m where m.community_id = c.id)
        and not exists (select from invites i where i.community_id = c.id)
    limit $1
)
