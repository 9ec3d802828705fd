//! The product tested from outside: a real server, a real PostgreSQL and independent clients.
//!
//! One file a feature; what they share is in `support`. The tests run in parallel, each with
//! a server and a database of its own, and wait for answers instead of sleeping.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds something missing must stop, and the panic names the line"
)]

mod accounts;
mod actor_failures;
mod backup_restore;
mod body_limits;
mod channels;
mod communities;
mod configuration;
mod crash;
mod database_outage;
mod e2ee_account_data;
mod e2ee_commit_in_doubt;
mod e2ee_cross_signing;
mod e2ee_device_keys;
mod e2ee_device_lists;
mod e2ee_mailbox_bounds;
mod e2ee_one_time_keys;
mod e2ee_restart;
mod e2ee_room_keys;
mod e2ee_session_end;
mod e2ee_to_device;
mod guessing;
mod housekeeping;
mod instance;
mod invites;
mod large_removals;
mod mentions;
mod messages;
mod notifications;
mod openapi;
mod operating;
mod overload;
mod posting;
mod problems;
mod property;
mod push_acknowledged;
mod push_alerts;
mod push_answers;
mod push_bounds;
mod push_crash;
mod push_crash_points;
mod push_endpoints;
mod push_in_firefox;
mod push_metrics;
mod push_outage;
mod push_retries;
mod push_secrets;
mod push_subscriptions;
mod push_test_notification;
mod push_withdrawn;
mod rates;
mod same_origin;
mod sessions;
mod shutdown;
mod slow_reader;
mod socket_frames;
mod socket_handshake;
mod socket_mentions;
mod socket_replay;
mod socket_revocation;
mod socket_subscribe;
mod support;
#[cfg(feature = "ui")]
mod ui;
mod user_messages_batch;
mod user_messages_bounds;
mod user_messages_crash;
mod user_messages_edits;
mod user_messages_members;
mod user_messages_order;
mod user_messages_plaintext;
mod user_messages_repeated;
mod user_messages_sending;
mod webhook_access;
mod webhook_edits;
mod webhooks;
