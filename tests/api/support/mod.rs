//! What the tests share: a database and a server each, and a client that checks every answer.

pub(crate) mod answer;
pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod database;
pub(crate) mod endpoints;
pub(crate) mod fixtures;
pub(crate) mod follower;
pub(crate) mod formats;
pub(crate) mod handshake;
pub(crate) mod history;
mod listener;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod push_books;
pub(crate) mod push_crypto;
pub(crate) mod push_device;
pub(crate) mod push_process;
mod push_request;
pub(crate) mod push_scene;
pub(crate) mod push_service;
pub(crate) mod raw;
pub(crate) mod raw_socket;
pub(crate) mod server;
pub(crate) mod socket;
