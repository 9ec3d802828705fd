//! What travels on the socket: JSON text frames and close codes.
//!
//! `docs/protocol.md` is its page for people who write clients. A frame is encoded once, and
//! every session gets the same bytes.

mod client_frame;
mod close;
mod server_frame;

pub use client_frame::{ClientFrame, FrameRefused, Reference, SubscribeChannel};
pub use close::Close;
pub use server_frame::{ErrorCode, ReadNotifications, ServerFrame, ToDeviceFrameEvent};
