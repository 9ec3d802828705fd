//! What the tests share: a database and a server each, and people with devices.

#[path = "../api/support/answer.rs"]
pub(crate) mod answer;
#[path = "../api/support/client.rs"]
pub(crate) mod client;
#[path = "../api/support/contract.rs"]
pub(crate) mod contract;
pub(crate) mod crowd;
#[path = "../api/support/database.rs"]
pub(crate) mod database;
#[path = "../api/support/endpoints.rs"]
pub(crate) mod endpoints;
#[path = "../api/support/fixtures.rs"]
pub(crate) mod fixtures;
#[path = "../api/support/listener.rs"]
mod listener;
pub(crate) mod people;
pub(crate) mod proxy;
#[path = "../api/support/server.rs"]
pub(crate) mod server;
