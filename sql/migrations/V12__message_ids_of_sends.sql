-- The id of a user's message follows from what its device calls the send, so that the unique key
-- by which messages are found admits each send once, for as long as there is the message. The table
-- that remembered sends for some days, a row and an index entry for each message, is not needed.
-- What was sent before this is not known as a repeat; no release had that table.
drop table message_transactions;
