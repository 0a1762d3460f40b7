//! The exit-code table: a published interface (docs/OPERATIONS.md).

use pgfreight_engine::Kind;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Everything asked for was done.
    Ok,
    /// Done, but something was not carried; it was reported by name.
    Losses,
    /// Compared, and found different.
    Differs,
    /// It failed.
    Failed(Kind),
}

impl Exit {
    /// `Losses` if there were any that the user did not allow.
    pub fn with_losses(count: usize, allowed: bool) -> Self {
        if count > 0 && !allowed { Self::Losses } else { Self::Ok }
    }

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Losses => 3,
            Self::Differs => 4,
            Self::Failed(kind) => match kind {
                Kind::Usage => 2,
                Kind::Source => 10,
                Kind::Target => 11,
                Kind::Store => 12,
                Kind::Identity => 13,
                Kind::Format => 14,
                Kind::Verification => 15,
                Kind::Cancelled => 130,
                _ => 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_published_one() {
        let table = [
            (Exit::Ok, 0),
            (Exit::Failed(Kind::Bug), 1),
            (Exit::Failed(Kind::Usage), 2),
            (Exit::Losses, 3),
            (Exit::Differs, 4),
            (Exit::Failed(Kind::Source), 10),
            (Exit::Failed(Kind::Target), 11),
            (Exit::Failed(Kind::Store), 12),
            (Exit::Failed(Kind::Identity), 13),
            (Exit::Failed(Kind::Format), 14),
            (Exit::Failed(Kind::Verification), 15),
            (Exit::Failed(Kind::Cancelled), 130),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
        assert_eq!(Exit::with_losses(2, false), Exit::Losses);
        assert_eq!(Exit::with_losses(2, true), Exit::Ok);
        assert_eq!(Exit::with_losses(0, false), Exit::Ok);
    }
}
