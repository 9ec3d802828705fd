-- Makes the mailbox of a device that has keys now.
-- $1: session id. Index: to_device_mailboxes_pkey.
insert into to_device_mailboxes (session_id)
values ($1)
on conflict on constraint to_device_mailboxes_pkey do nothing
