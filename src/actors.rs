//! The actors and the directories that find them.
//!
//! | message | to | from | sent with | when it cannot be taken |
//! | --- | --- | --- | --- | --- |
//! | `PostMessage` | channel | HTTP, by the directory | `try_send`, below an admission bound | `Overloaded` |
//! | `Publish` | channel | HTTP, by the directory | `try_send` | counted; clients read it over HTTP |
//! | `TellMembers` | channel | HTTP, by the directory | `try_send` | counted; the next message tells them |
//! | `WriteBatch` | ledger | channel | `try_send`, below the same bound | `Unavailable` |
//! | `Deliver` | session | anybody, by its outbox | `do_send`, below a byte budget | the session is cut off |
//! | `EndSession` | session | directory | `do_send`, once a session | – |
//! | `HandOver` | web push | channel | `try_send` | counted; found in the database when its time is over |
//! | `SendTest` | web push | HTTP | `send` | `Overloaded` |
//! | `Done` | web push | its tasks | `do_send`, below the bound on pushes in flight | – |
//! | `Acknowledge` | acknowledgements | session | `try_send`, below a bound | error frame `overloaded` |
//!
//! A panic costs the actor it happens in. Its directory starts another at the next use, which
//! knows what PostgreSQL knows; nothing else is kept.

pub mod acknowledgements;
pub mod arbiters;
pub mod channel;
pub mod channels;
pub mod device_lists;
pub mod fan_out;
pub mod history;
pub mod housekeeper;
pub mod ledger;
pub mod message_changes;
pub mod outbox;
pub mod posting;
pub mod pushes;
pub mod session;
pub mod sessions;
pub mod subscriber;
pub mod subscribers;
pub mod web_push;
