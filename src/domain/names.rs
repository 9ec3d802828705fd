//! Names of people, communities, channels and webhooks, and the topic of a channel.

use schemars::json_schema;

use super::text::{TextRefused, check_displayable, check_length, check_storable, text_type};

/// The name of a webhook, channel, community or person: 1 to 64 characters after trimming,
/// without control characters and bidirectional overrides. Kept trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 64;

    /// Trims and checks `text`.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TextRefused::Blank);
        }
        check_displayable(trimmed)?;
        check_length(trimmed, 1, Self::MAX_CHARS)?;
        Ok(Self(trimmed.to_owned()))
    }
}

text_type!(
    Name,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 64})
);

/// What a channel is about: at most 1,024 characters, possibly none. The design of Slack and
/// Mattermost; long enough for a link or two, short enough for a header line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 1024;

    /// Trims and checks `text`.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let trimmed = text.trim();
        check_storable(trimmed)?;
        check_length(trimmed, 0, Self::MAX_CHARS)?;
        Ok(Self(trimmed.to_owned()))
    }
}

text_type!(Topic, json_schema!({"type": "string", "maxLength": 1024}));

/// A sign-in name: 1 to 32 of `[A-Za-z0-9_.-]`, unique ignoring case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 32;
    /// Words that address a whole channel elsewhere; nobody may carry one as a name.
    pub const RESERVED: [&'static str; 3] = ["everyone", "here", "channel"];

    /// Checks `text`, which is not trimmed: a username is typed exactly.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        check_length(text, 1, Self::MAX_CHARS)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if !text.chars().all(allowed) {
            return Err(TextRefused::UsernameCharacter);
        }
        if Self::is_reserved(text) {
            return Err(TextRefused::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `text` is one of the reserved words, in any case.
    #[must_use]
    pub fn is_reserved(text: &str) -> bool {
        Self::RESERVED
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
    }
}

text_type!(
    Username,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_.-]+$"})
);

/// The name a post asks to be shown under: at most 64 characters; blank means the webhook's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderName(Option<Name>);

impl SenderName {
    /// Trims and checks `text`; blank text is no name, which is allowed.
    ///
    /// # Errors
    /// Says which rule a non-blank name breaks.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        if text.trim().is_empty() {
            check_storable(text)?;
            check_length(text, 0, Name::MAX_CHARS)?;
            return Ok(Self(None));
        }
        Name::parse(text).map(|name| Self(Some(name)))
    }

    /// The name, unless it was blank.
    #[must_use]
    pub fn into_name(self) -> Option<Name> {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for SenderName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for SenderName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SenderName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "string", "maxLength": 64})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_before_it_is_counted() {
        let padded = format!("  {}\n", "n".repeat(64));
        assert_eq!(Name::parse(&padded).unwrap().as_str().len(), 64);
    }

    #[test]
    fn a_name_may_have_1_to_64_characters_and_not_0_or_65() {
        assert_eq!(Name::parse(""), Err(TextRefused::Blank));
        assert_eq!(Name::parse(" \t"), Err(TextRefused::Blank));
        assert!(Name::parse("é").is_ok());
        assert!(Name::parse(&"é".repeat(63)).is_ok());
        assert!(Name::parse(&"é".repeat(64)).is_ok());
        assert!(matches!(
            Name::parse(&"é".repeat(65)),
            Err(TextRefused::Length { actual: 65, .. })
        ));
    }

    #[test]
    fn a_name_cannot_carry_control_characters_or_turn_the_text_around() {
        assert_eq!(Name::parse("a\0b"), Err(TextRefused::Nul));
        assert_eq!(Name::parse("a\u{7}b"), Err(TextRefused::Control(7)));
        assert_eq!(Name::parse("a\u{85}b"), Err(TextRefused::Control(0x85)));
        for c in ['\u{202A}', '\u{202E}', '\u{2066}', '\u{2069}'] {
            assert_eq!(
                Name::parse(&format!("a{c}b")),
                Err(TextRefused::Bidirectional(c.into()))
            );
        }
        assert!(
            Name::parse("שלום").is_ok(),
            "right-to-left letters are just letters"
        );
    }

    #[test]
    fn a_username_has_1_to_32_plain_characters() {
        assert!(Username::parse("a").is_ok());
        assert!(Username::parse("A_b.c-9").is_ok());
        assert!(Username::parse(&"a".repeat(31)).is_ok());
        assert!(Username::parse(&"a".repeat(32)).is_ok());
        assert!(Username::parse(&"a".repeat(33)).is_err());
        for refused in ["", " a", "a b", "é", "a@b", "a\0"] {
            assert!(Username::parse(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn nobody_can_be_called_everyone_here_or_channel_in_any_case() {
        for refused in ["everyone", "Everyone", "HERE", "channel"] {
            assert_eq!(
                Username::parse(refused),
                Err(TextRefused::Reserved(refused.to_owned()))
            );
        }
        assert!(Username::parse("everyone2").is_ok());
    }

    #[test]
    fn a_blank_sender_name_is_no_name() {
        assert_eq!(SenderName::parse("").unwrap().into_name(), None);
        assert_eq!(SenderName::parse("  ").unwrap().into_name(), None);
        assert_eq!(
            SenderName::parse(" CI ")
                .unwrap()
                .into_name()
                .unwrap()
                .as_str(),
            "CI"
        );
        assert!(SenderName::parse(&"x".repeat(64)).is_ok());
        assert!(SenderName::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn a_topic_may_be_empty_and_has_at_most_1024_characters() {
        assert_eq!(Topic::parse("").unwrap().as_str(), "");
        assert!(Topic::parse(&"t".repeat(1024)).is_ok());
        assert!(Topic::parse(&"t".repeat(1025)).is_err());
        assert_eq!(Topic::parse("a\0"), Err(TextRefused::Nul));
    }
}
