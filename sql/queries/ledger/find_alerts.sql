-- The notifications of some messages.
-- $1: user ids, $2: channel ids, $3: message ids. Index: notifications_user_id_channel_id_seq_idx.
select
    n.user_id,
    n.id,
    n.community_id,
    n.channel_id,
    c.name as channel_name,
    n.message_id,
    n.seq,
    n.author_name,
    n.author_avatar_url,
    n.preview,
    n.created_at,
    n.read_at
from notifications n
join channels c on c.id = n.channel_id
where n.user_id = any($1) and n.channel_id = any($2) and n.message_id = any($3)
