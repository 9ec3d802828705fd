-- The id of a user's message follows from what its device calls the send, so that the unique key
-- by which messages are found admits each send once, for as long as there is the message. The table
-- that remembered sends for some days, a row and an index entry for each message, is not needed. What was sent before this is not known as a repeat; no release had that table.
drop table message_transactions;

-- The same as before, without comparing arrays for each message of a user.
alter table messages
    drop constraint messages_kind_known,
    add constraint messages_kind_known check (
        (
            kind = 'webhook'
            and webhook_id is not null
            and author_name is not null
            and (content is null) = (deleted_at is not null)
            and num_nonnulls(user_id, device_id, envelope, edited_at) = 0
        )
        or (
            kind = 'user'
            and user_id is not null
            and device_id is not null
            and (envelope is null) = (deleted_at is not null)
            and num_nonnulls(webhook_id, author_name, author_avatar_url, content) = 0
            and cardinality(mentions) = 0
        )
    );
