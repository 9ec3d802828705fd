-- Forgets what a user keeps under a type.
-- $1: user id, $2: type. Index: account_data_pkey.
delete from account_data where user_id = $1 and type = $2
