//! Secrets that are only compared: webhook tokens, session tokens, passwords.
//!
//! A token exists in clear only between its creation and the answer that hands it out. The
//! database holds its SHA-256, which is enough because a token has at least 256 bits of
//! randomness (OWASP ASVS 5.0, 11.4.1 and 6.5.2); passwords are hashed with Argon2id.

use schemars::json_schema;
use sha2::{Digest, Sha256};

use super::text::{TextRefused, check_length, check_storable, text_type};

const ALPHANUMERIC: [char; 62] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S',
    'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l',
    'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4',
    '5', '6', '7', '8', '9',
];

/// Makes `length` random characters of `[A-Za-z0-9]` from the operating system's generator.
fn random_text(length: usize) -> String {
    nanoid::nanoid!(length, &ALPHANUMERIC)
}

/// The SHA-256 of a token: what the database holds, and the only form that is compared.
/// Finding a row by it leaks nothing about the token through timing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes `token`.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $length:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The number of characters of a token.
            pub const LENGTH: usize = $length;

            /// Makes a new token of `[A-Za-z0-9]`.
            #[must_use]
            pub fn generate() -> Self {
                Self(random_text(Self::LENGTH))
            }

            /// Takes `text` as a token, unless it cannot be one by its form: that answers
            /// most guesses without asking the database.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let well_formed =
                    text.len() == Self::LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
                well_formed.then(|| Self(text.to_owned()))
            }

            /// What the database knows it by.
            #[must_use]
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(&self.0)
            }

            /// The token in clear, for the one answer that hands it out.
            #[must_use]
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

token!(
    /// What a webhook's URL ends with: identifier and credential in one, 381 bits.
    WebhookToken,
    64
);
token!(
    /// What a signed-in client sends, as a bearer token or in its cookie: 256 bits.
    SessionToken,
    43
);

/// The code of an invite: short enough to read out, 119 bits against guessing. It may be
/// shown again to admins, so it is stored as it is, but it never reaches a log.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode(String);

impl InviteCode {
    /// The number of characters of a code.
    pub const LENGTH: usize = 20;

    /// Makes a new code of `[A-Za-z0-9]`.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_text(Self::LENGTH))
    }

    /// Takes `text` as a code. Text that cannot be one is kept shortened, so that it is
    /// looked up and not found like any unknown code.
    ///
    /// # Errors
    /// U+0000, which the database cannot be asked for.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        check_storable(text)?;
        Ok(Self(text.chars().take(Self::LENGTH + 1).collect()))
    }
}

text_type!(InviteCode, json_schema!({"type": "string"}));

impl std::fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

/// A password as typed: 8 to 256 characters. The upper bound keeps the cost of hashing it
/// bounded. Never serialised, never shown by `Debug`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Checks the length of `text`.
    ///
    /// # Errors
    /// [`TextRefused::Length`] outside 8 to 256 characters, [`TextRefused::Nul`].
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        check_storable(text)?;
        check_length(text, 8, 256)?;
        Ok(Self(text.to_owned()))
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Password {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "string", "format": "password", "minLength": 8, "maxLength": 256})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_token_has_64_alphanumeric_characters_and_never_repeats() {
        let token = WebhookToken::generate();
        assert_eq!(token.reveal().len(), 64);
        assert!(token.reveal().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(token.reveal(), WebhookToken::generate().reveal());
        assert!(WebhookToken::parse(token.reveal()) == Some(token));
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        assert!(WebhookToken::parse("").is_none());
        assert!(WebhookToken::parse(&"a".repeat(63)).is_none());
        assert!(WebhookToken::parse(&"a".repeat(65)).is_none());
        assert!(WebhookToken::parse(&"-".repeat(64)).is_none());
    }

    #[test]
    fn no_secret_shows_in_debug_output() {
        let token = SessionToken::generate();
        let password = Password::parse("correct horse").unwrap();
        let shown = format!("{token:?} {password:?} {:?}", token.hash());
        assert!(
            !shown.contains(token.reveal()) && !shown.contains("horse"),
            "{shown}"
        );
    }

    #[test]
    fn a_password_has_8_to_256_characters() {
        assert!(Password::parse(&"p".repeat(7)).is_err());
        assert!(Password::parse(&"é".repeat(8)).is_ok());
        assert!(Password::parse(&"é".repeat(256)).is_ok());
        assert!(Password::parse(&"p".repeat(257)).is_err());
    }
}
