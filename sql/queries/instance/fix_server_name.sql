-- Gives the instance its server name, unless it has one; returns the one it has.
-- $1: server name. Index: instance_pkey.
update instance set server_name = coalesce(server_name, $1) where id returning server_name
