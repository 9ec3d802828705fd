-- Makes the channel that everybody who joins a new community is put into.
-- $1: channel id, $2: community id.
insert into channels (id, community_id, name, private, is_default, members_version)
values ($1, $2, 'general', false, true, 1)
