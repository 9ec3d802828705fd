-- How many other types a user keeps something under.
-- $1: user id, $2: type. Index: account_data_pkey.
select count(*) as count from account_data where user_id = $1 and type <> $2
