-- Puts keys into a backup whose lock is held. One that is there already is replaced only by a
-- better one (Matrix Client-Server API, PUT room_keys/keys): verified before unverified, then one
-- that reads from an earlier message on, then one that was forwarded less often.
-- $1: user id, $2: version, then in step $3: channel ids, $4: session ids, $5: first message
-- indexes, $6: how often forwarded, $7: whether verified, $8: session data. Index: room_keys_pkey.
with sent as (
    select s.channel_id, s.session_id, s.first_message_index, s.forwarded_count, s.is_verified, s.session_data
    from unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[], $8::text[]) as s (
        channel_id, session_id, first_message_index, forwarded_count, is_verified, session_data
    )
),
present as (
    select k.channel_id, k.session_id, octet_length(k.session_data) as bytes
    from sent s
    join room_keys k
        on k.user_id = $1 and k.version = $2 and k.channel_id = s.channel_id and k.session_id = s.session_id
),
written as (
    insert into room_keys as k (
        user_id, version, channel_id, session_id, first_message_index, forwarded_count, is_verified, session_data
    )
    select $1, $2, s.channel_id, s.session_id, s.first_message_index, s.forwarded_count, s.is_verified, s.session_data
    from sent s
    on conflict on constraint room_keys_pkey do update
    set
        first_message_index = excluded.first_message_index,
        forwarded_count = excluded.forwarded_count,
        is_verified = excluded.is_verified,
        session_data = excluded.session_data
    where
        (not excluded.is_verified, excluded.first_message_index, excluded.forwarded_count)
        < (not k.is_verified, k.first_message_index, k.forwarded_count)
    returning k.channel_id, k.session_id, octet_length(k.session_data) as bytes
)
select
    count(*) as written,
    count(*) filter (where p.session_id is null) as added,
    coalesce(sum(w.bytes - coalesce(p.bytes, 0)), 0)::bigint as bytes
from written w
left join present p on p.channel_id = w.channel_id and p.session_id = w.session_id
