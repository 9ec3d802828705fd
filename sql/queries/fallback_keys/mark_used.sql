-- Notes that fallback keys were handed out. One that somebody else is noting is passed over.
-- $1: session ids. Index: fallback_keys_pkey.
update fallback_keys f
set used = true
from (
    select session_id from fallback_keys where session_id = any($1) and not used for no key update skip locked
) p
where f.session_id = p.session_id
