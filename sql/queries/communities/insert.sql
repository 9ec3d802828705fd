-- Makes a community.
-- $1: community id, $2: name.
insert into communities (id, name) values ($1, $2)
