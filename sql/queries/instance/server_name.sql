-- What stands behind the colon of every user id and room id; null before the first start.
-- Index: instance_pkey.
select server_name from instance where id
