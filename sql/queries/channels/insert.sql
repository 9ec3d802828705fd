-- Makes a channel.
-- $1: channel id, $2: community id, $3: name, $4: topic, $5: private.
insert into channels (id, community_id, name, topic, private) values ($1, $2, $3, $4, $5)
