-- Deletes keys of a backup whose lock is held: all, those of a channel, or one.
-- $1: user id, $2: version, $3: the first channel id, $4: the last, $5: session id or null.
-- Index: room_keys_pkey.
with gone as (
    delete from room_keys
    where
        user_id = $1
        and version = $2
        and channel_id between $3 and $4
        and ($5::text is null or session_id = $5)
    returning octet_length(session_data) as bytes
)
select count(*)::integer as keys, coalesce(sum(bytes), 0)::bigint as bytes from gone
