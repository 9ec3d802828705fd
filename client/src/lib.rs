//! A client of Chatalot for programs that write and read encrypted messages.
//!
//! A program signs in as a user ([`Session`]), opens the device that this makes ([`Device`]),
//! proves that it is the user's ([`Device::unlock`], or [`Device::set_up`] the first time), and then
//! sends ([`Device::send`]), follows what happens ([`Device::follow`]) and decrypts
//! ([`Device::decrypt`]). What it writes the web client reads, and the other way round. The examples of
//! this crate are two whole programs, one that posts and one that reads.
//!
//! Connections fail and servers are restarted. [`Error::is_transient`] says whether to try again; a
//! [`Draft`] that is sent again is in the channel once, and a [`Live`] that is opened again is told
//! what the one before had not taken in.
//!
//! There is no cryptography here: that is done by `matrix-sdk-crypto`. This crate carries its
//! requests to the server and the server's news to it, and does a client's duties: keys go only to
//! devices that their owners vouch for, and only to the members that a message is sent with; what is
//! not what it says it is, is refused.
//!
//! Keys are kept in the store that the caller chooses. With [`MemoryStore`] they end with the
//! program, which should then sign out; any other `CryptoStore`, such as that of `matrix-sdk-sqlite`,
//! keeps the device for the next start together with [`Session::token`].

mod api;
mod backup;
mod channels;
mod device;
mod draft;
mod error;
mod frames;
mod identities;
mod ids;
mod incoming;
mod left_out;
mod live;
mod messages;
mod names;
mod others_keys;
mod own_identity;
mod plaintext;
mod reading;
mod replays;
mod requests;
mod room_keys;
mod secret_storage;
mod session;
mod socket;
mod tls;
mod writing;

pub use device::Device;
pub use draft::Draft;
pub use error::{Error, Problem};
pub use frames::{Frame, ToDeviceEvent};
pub use ids::{ChannelId, MessageId, NoTransactionId, TransactionId, UserId};
pub use incoming::{News, Received};
pub use live::Live;
pub use matrix_sdk_crypto;
pub use matrix_sdk_crypto::store::{IntoCryptoStore, MemoryStore};
pub use messages::{Message, Page, SealedMessage, WebhookMessage};
pub use own_identity::Recovery;
pub use plaintext::Plaintext;
pub use reading::{Decryption, Refusal};
pub use session::Session;
pub use socket::Socket;
pub use writing::{Posted, Sealed};
