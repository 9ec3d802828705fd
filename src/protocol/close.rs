//! Why the server closes a socket.

/// A reason to close a socket. Codes of 4000 to 4499 tell the client to connect again, those
/// of 4500 to 4999 not to; the others are of RFC 6455, section 7.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The client said goodbye.
    Normal,
    /// A frame that breaks the WebSocket protocol.
    ProtocolError,
    /// A binary or fragmented frame.
    UnsupportedData,
    /// The client keeps sending more than it may.
    Policy,
    /// A frame of more than 64 KiB.
    TooBig,
    /// The server failed; connecting again may help.
    ServerError,
    /// The client took its frames too slowly. It loses nothing: it connects again and is
    /// caught up.
    TooSlow,
    /// The server stops.
    ShuttingDown,
    /// The client gave no sign of life.
    NoSignOfLife,
    /// The database was restored: positions belong to another history.
    HistoryChanged,
    /// The session was signed out or has expired.
    SignedOut,
}

impl Close {
    /// The code in the close frame.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::UnsupportedData => 1003,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::ServerError => 1011,
            Self::TooSlow => 4001,
            Self::ShuttingDown => 4002,
            Self::NoSignOfLife => 4003,
            Self::HistoryChanged => 4004,
            Self::SignedOut => 4501,
        }
    }

    /// The words in the close frame: at most 123 bytes (RFC 6455, section 5.5).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Normal => "goodbye",
            Self::ProtocolError => "not the WebSocket protocol",
            Self::UnsupportedData => "only whole text frames are understood",
            Self::Policy => "too many frames",
            Self::TooBig => "frame over 64 KiB",
            Self::ServerError => "server error; connect again",
            Self::TooSlow => "too slow; connect again",
            Self::ShuttingDown => "server shutting down; connect again",
            Self::NoSignOfLife => "no sign of life; connect again",
            Self::HistoryChanged => "database restored; connect again",
            Self::SignedOut => "signed out or session expired",
        }
    }

    /// The word under which closes are counted.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ProtocolError => "protocol_error",
            Self::UnsupportedData => "unsupported_data",
            Self::Policy => "policy",
            Self::TooBig => "too_big",
            Self::ServerError => "server_error",
            Self::TooSlow => "too_slow",
            Self::ShuttingDown => "shutting_down",
            Self::NoSignOfLife => "no_sign_of_life",
            Self::HistoryChanged => "history_changed",
            Self::SignedOut => "signed_out",
        }
    }
}
