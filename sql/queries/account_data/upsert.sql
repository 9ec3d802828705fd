-- Keeps something under a type, in place of what was there.
-- $1: user id, $2: type, $3: content. Index: account_data_pkey.
insert into account_data (user_id, type, content)
values ($1, $2, $3)
on conflict on constraint account_data_pkey do update set content = excluded.content
