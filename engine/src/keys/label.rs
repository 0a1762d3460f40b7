//! Names of bundles: they become object keys, so the alphabet is small.

use std::fmt;

use crate::error::{Error, Kind};

/// A bundle's name: 1 to 64 characters of `a-z 0-9 . _ -`, beginning with a letter or digit, not ending in a dot or
/// in `.writer` (which names writer bundles).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(String);

impl Label {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let alphabet = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if alphabet && begins && text.len() <= 64 && !text.ends_with(".writer") && !text.ends_with('.') {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(Kind::Usage, format!("{text:?} cannot name a key"))
            .hint("Use up to 64 characters of a-z, 0-9, dot, underscore and dash, beginning with a letter or digit."))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_in_their_folder() {
        for good in ["alice", "ops-2026", "a", "on.call_1"] {
            assert_eq!(Label::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "..", "../x", "a/b", ".a", "-a", "A", "a b", "ä", "alice.writer", "a.", long.as_str()] {
            assert!(Label::parse(bad).is_err(), "{bad:?}");
        }
    }
}
