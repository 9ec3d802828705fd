//! Text with a length: the rule shared by names, topics and message contents.
//!
//! Lengths are counted in Unicode scalar values, as the interface promises, not in bytes.

/// Why a text was refused. Its `Display` is the sentence shown to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    /// Nothing but white space where something is required.
    #[error("must not be empty")]
    Blank,
    /// Shorter or longer than allowed.
    #[error("must be {min} to {max} characters long, not {actual}")]
    Length {
        /// The least number of characters.
        min: usize,
        /// The greatest number of characters.
        max: usize,
        /// The number that was sent.
        actual: usize,
    },
    /// PostgreSQL's `text` cannot hold U+0000, and no reader expects it.
    #[error("must not contain the character U+0000")]
    Nul,
    /// A control character in a name.
    #[error("must not contain control characters (found U+{0:04X})")]
    Control(u32),
    /// A character that turns the direction of the text around it, in a name.
    #[error("must not contain bidirectional overrides (found U+{0:04X})")]
    Bidirectional(u32),
    /// A character outside the set allowed in usernames.
    #[error("may hold only the letters A to Z, a to z, digits, '_', '.' and '-'")]
    UsernameCharacter,
    /// A username that would read as a mention of everybody.
    #[error("'{0}' is reserved")]
    Reserved(String),
    /// Not an absolute http or https URL.
    #[error("must be an http or https URL of at most {0} characters, or null")]
    NotWebUrl(usize),
}

/// Checks the number of characters of `text`.
///
/// # Errors
/// [`TextRefused::Length`] when it is outside `min..=max`.
pub fn check_length(text: &str, min: usize, max: usize) -> Result<(), TextRefused> {
    let actual = text.chars().count();
    if (min..=max).contains(&actual) {
        Ok(())
    } else {
        Err(TextRefused::Length { min, max, actual })
    }
}

/// Checks that `text` can be stored at all.
///
/// # Errors
/// [`TextRefused::Nul`] when it holds U+0000.
pub fn check_storable(text: &str) -> Result<(), TextRefused> {
    if text.contains('\0') {
        Err(TextRefused::Nul)
    } else {
        Ok(())
    }
}

/// Whether `c` embeds, overrides or isolates text direction (Unicode Standard Annex 9,
/// sections 2.1 to 2.5): such a character in a name reorders what stands beside it.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Checks that `text` shows as one plain run of characters.
///
/// # Errors
/// Names the first character that does not belong in a name.
pub fn check_displayable(text: &str) -> Result<(), TextRefused> {
    for c in text.chars() {
        match c {
            '\0' => return Err(TextRefused::Nul),
            c if c.is_control() => return Err(TextRefused::Control(c.into())),
            c if turns_direction(c) => return Err(TextRefused::Bidirectional(c.into())),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a text type its string-like surface: serde, schema, `as_str`, and parsing in
/// `Deserialize`, so that a value of the type is always valid.
macro_rules! text_type {
    ($name:ident, $schema:expr) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use text_type;
