-- Which devices a send to devices passed over, so that a repeat of it gets the first answer: a
-- sender that lost the answer has to learn who lacks the message.
alter table to_device_transactions
    -- No foreign keys: a device that is gone is not missed.
    add column undelivered uuid[] not null default '{}';
