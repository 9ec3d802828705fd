-- Notes the new heads of channels whose fences are held.
-- $1: channel ids, $2: places, in step. Index: channels_pkey.
update channels c
set last_seq = p.last_seq
from unnest($1::uuid[], $2::bigint[]) as p (id, last_seq)
where c.id = p.id
