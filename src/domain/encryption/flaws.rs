//! Everything that is wrong with a body, each thing with its place.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where: a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What it must be.
    pub detail: String,
}

/// The greatest number of flaws that one answer names: a body may have thousands.
const MAX_NAMED: usize = 50;

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaws(Vec<Flaw>);

impl Flaws {
    /// One flaw.
    #[must_use]
    pub fn one(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut flaws = Self::default();
        flaws.note(pointer, detail);
        flaws
    }

    /// Adds one, unless there are enough to go on with.
    pub fn note(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MAX_NAMED {
            let (pointer, detail) = (pointer.into(), detail.into());
            self.0.push(Flaw { pointer, detail });
        }
    }

    /// `value`, if nothing is wrong.
    ///
    /// # Errors
    /// The flaws.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// The flaws, in the order in which they were found.
    #[must_use]
    pub fn into_list(self) -> Vec<Flaw> {
        self.0
    }
}

/// The pointer to the member `name` of what is at `pointer`.
#[must_use]
pub fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
