-- Whose device lists a user has to ask for again: changed since a place, or shared since then.
-- A place that is not reached yet belongs to another history, and counts as the beginning.
-- $1: user id, $2: place. Indexes: channel_members_user_id_idx, channels_pkey,
-- channel_members_pkey, device_list_changes_pkey, key_signatures_signer_idx, device_list_stream_pkey.
with since as (
    select case when $2 > s.position then 0 else $2 end as position from device_list_stream s where s.id
)
select other.user_id
from since
join channel_members own on own.user_id = $1
join channels c on c.id = own.channel_id and c.deleted_at is null
join channel_members other on other.channel_id = own.channel_id and other.user_id <> $1
left join device_list_changes d on d.user_id = other.user_id
where greatest(own.device_list_position, other.device_list_position, d.position) > since.position
union
select d.user_id from since join device_list_changes d on d.user_id = $1 and d.position > since.position
union
select s.target_user_id
from since
join key_signatures s on s.signer_user_id = $1 and s.position > since.position
