-- The instance's signing key.
select private_key from vapid_keys
