//! The entries of an envelope, read without copying them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The entries of an object, repeated keys included: of those, readers would see one or the other.
/// Texts are those of the JSON itself, unless it has escapes in them.
pub(super) struct Entries<'a>(Vec<(Entry<'a>, Entry<'a>)>);

impl Entries<'_> {
    /// The text under a key, which is not empty.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, &'static str> {
        let named = |(name, _): &&(Entry<'_>, Entry<'_>)| name.as_text() == Some(key);
        let mut entries = self.0.iter().filter(named);
        let Some((_, value)) = entries.next() else {
            return Ok(None);
        };
        match value.as_text() {
            _ if entries.next().is_some() => Err("must be there once"),
            Some(text) if !text.is_empty() => Ok(Some(text)),
            Some(_) | None => Err("must be a text that is not empty"),
        }
    }

    /// How many arrays and objects lie in each other in the values.
    pub(super) fn depth(&self) -> usize {
        let depths = self.0.iter().map(|(_, value)| value.depth());
        depths.max().unwrap_or(0)
    }
}

/// As many as an envelope usually has, or a few more.
const USUAL: usize = 8;

/// A value in an envelope, as far as the server looks at it.
enum Entry<'a> {
    Text(Cow<'a, str>),
    /// Anything else, and how many arrays and objects lie in each other in it.
    Other {
        depth: usize,
    },
}

impl Entry<'_> {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other { .. } => None,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Other { depth } => *depth,
        }
    }
}

/// Reads every byte, so that nothing is taken that a reader cannot read.
impl<'de> Deserialize<'de> for Entry<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;

        impl<'de> Visitor<'de> for Look {
            type Value = Entry<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Entry::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Entry::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entry::Other { depth: 0 })
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Entry::Other { depth: 0 })
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Entry::Other { depth: 0 })
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Entry::Other { depth: 0 })
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Entry::Other { depth: 0 })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut inner = 0;
                while let Some(value) = seq.next_element::<Entry<'de>>()? {
                    inner = inner.max(value.depth());
                }
                Ok(Entry::Other { depth: 1 + inner })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut inner = 0;
                while let Some((_, value)) = map.next_entry::<Entry<'de>, Entry<'de>>()? {
                    inner = inner.max(value.depth());
                }
                Ok(Entry::Other { depth: 1 + inner })
            }
        }

        deserializer.deserialize_any(Look)
    }
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(USUAL);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
