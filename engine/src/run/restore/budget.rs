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
    // `auto` takes as many as fit.
    let jobs = if options.auto_jobs { 1 } else { options.jobs };
    if !carries(options.memory, jobs) {
        let (needed, budget) = (needed(jobs) / MIB, options.memory / MIB);
        let what = format!("{jobs} lanes need {needed} MiB, the budget is {budget} MiB");
        return Err(Error::new(Kind::Usage, what).hint("Lower --jobs or raise --memory."));
    }
    Ok(())
}

/// Whether so many lanes that open chunks fit into so many bytes.
pub(in crate::run) fn carries(memory: u64, jobs: usize) -> bool {
    needed(jobs) <= memory
}

fn needed(jobs: usize) -> u64 {
    BASE + jobs as u64 * LANE
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
        assert!(check(&RestoreOptions { auto_jobs: true, ..options(64) }).is_ok());
    }
}
