-- Keeps the instance's signing key, unless another server was first.
-- $1: private key in base64url.
insert into vapid_keys (private_key) values ($1) on conflict (id) do nothing
