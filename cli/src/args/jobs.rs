//! `-j`: a number of lanes, or `auto`.

use std::fmt;

use pgfreight_engine::limits;
use pgfreight_engine::plan::jobs::AUTO_MOST;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// How many lanes were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jobs {
    /// So many.
    Count(usize),
    /// As many as suit.
    Auto,
}

impl Jobs {
    /// The engine's way of saying it: at most so many, and whether fewer may do.
    pub fn at_most(self) -> (usize, bool) {
        match self {
            Self::Count(count) => (count, false),
            Self::Auto => (AUTO_MOST, true),
        }
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// `4`, `auto`.
pub fn parse(text: &str) -> Result<Jobs, String> {
    if text == "auto" {
        return Ok(Jobs::Auto);
    }
    count(text.parse().map_err(|_| "neither a number nor auto".to_owned())?)
}

fn count(count: usize) -> Result<Jobs, String> {
    match (1..=limits::LANES_MAX).contains(&count) {
        true => Ok(Jobs::Count(count)),
        false => Err(format!("-j {count} is not between 1 and {}", limits::LANES_MAX)),
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number or \"auto\"")]
        enum Said {
            Number(usize),
            Word(String),
        }
        let said = match Said::deserialize(deserializer)? {
            Said::Number(number) => count(number),
            Said::Word(word) => parse(&word),
        };
        said.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_auto() {
        assert_eq!(parse("4"), Ok(Jobs::Count(4)));
        assert_eq!(parse("auto"), Ok(Jobs::Auto));
        for bad in ["0", "65", "-1", "many", "AUTO", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Jobs::Count(3).at_most(), (3, false));
        assert_eq!(Jobs::Auto.at_most(), (AUTO_MOST, true));
    }
}
