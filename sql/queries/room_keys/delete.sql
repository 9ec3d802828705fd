-- Deletes keys of a backup whose lock is held: all, those of a channel, or one.
-- $1: user id, $2: version, $3: channel id or null, $4: session id or null. Index: room_keys_pkey.
with gone as (
    delete from room_keys
    where
        user_id = $1
        and version = $2
        and ($3::uuid is null or channel_id = $3)
        and ($4::text is null or session_id = $4)
    returning octet_length(session_data) as bytes
)
select count(*)::integer as keys, coalesce(sum(bytes), 0)::bigint as bytes from gone
