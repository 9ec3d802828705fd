//! The web client's files, as `build.rs` built them, inside the program.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$CHATALOT_WEB_FILES"]
struct Files;

/// How the bytes of a file are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// With gzip.
    Gzip,
    /// With Brotli.
    Brotli,
}

/// The encodings that the client's build writes siblings in.
const ENCODED: [Encoding; 2] = [Encoding::Gzip, Encoding::Brotli];

impl Encoding {
    /// What an encoded file's name ends in, as the client's build writes it.
    fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
        }
    }
}

/// A file in one encoding.
pub struct File {
    embedded: EmbeddedFile,
    media_type: String,
}

impl File {
    /// Finds the file at `path`, which has no slash in front, in `encoding`. There is none in an
    /// encoding that would not make it smaller.
    #[must_use]
    pub fn find(path: &str, encoding: Encoding) -> Option<Self> {
        if ENCODED.iter().any(|it| path.ends_with(it.suffix())) {
            return None;
        }
        let plain = Files::get(path)?;
        let media_type = match plain.metadata.mimetype() {
            // The build writes nothing but UTF-8.
            text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
            other => other.to_owned(),
        };
        let embedded = match encoding {
            Encoding::Identity => plain,
            _ => Files::get(&format!("{path}{}", encoding.suffix()))?,
        };
        Some(Self {
            embedded,
            media_type,
        })
    }

    /// What is sent.
    #[must_use]
    pub fn into_bytes(self) -> Cow<'static, [u8]> {
        self.embedded.data
    }

    /// The media type of what is encoded.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The SHA-256 of what is sent.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.embedded.metadata.sha256_hash()
    }
}
