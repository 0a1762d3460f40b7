//! Whether a restore fits into its memory (promise 7), decided before anything begins.

use crate::error::{Error, Kind, Result};
use crate::limits::{BATCH, LANES_MAX, MIB};
use crate::run::options::RestoreOptions;
use crate::seal::WINDOW_LOG_MAX;

/// Program, catalog, contents of a usual dump, HTTP client.
const BASE: u64 = 64 * MIB;

/// Blocks of stored bytes on their way to a lane.
const FETCH: u64 = 2 * MIB;

/// Plaintext blocks of one lane: in the opener, in the queue, being sent, and the socket's own buffer.
const BLOCKS: u64 = super::load::QUEUE as u64 + 3;

/// What a lane needs at most: an opener with the largest window, and its blocks.
const LANE: u64 = (1 << WINDOW_LOG_MAX) + FETCH + BLOCKS * BATCH as u64;

/// Refuses more lanes than fit.
pub(super) fn check(options: &RestoreOptions) -> Result<()> {
    if options.jobs == 0 || options.jobs > LANES_MAX {
        return Err(Error::new(Kind::Usage, format!("{} lanes cannot be had", options.jobs))
            .hint(format!("Choose from 1 to {LANES_MAX} with --jobs.")));
    }
    let needed = BASE + options.jobs as u64 * LANE;
    if needed > options.memory {
        let what =
            format!("{} lanes need {} MiB, the budget is {} MiB", options.jobs, needed / MIB, options.memory / MIB);
        return Err(Error::new(Kind::Usage, what).hint("Lower --jobs or raise --memory."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_lanes_fit_the_default_budget() {
        let options = |jobs| RestoreOptions { jobs, ..RestoreOptions::default() };
        assert!(check(&options(8)).is_ok());
        assert!(check(&options(0)).is_err());
        assert!(check(&options(64)).is_err());
    }
}
