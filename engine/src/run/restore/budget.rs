//! Whether a restore fits into its memory (promise 7), decided before anything begins.

use crate::catalog::extent::Extent;
use crate::error::{Error, Kind, Result};
use crate::event::News;
use crate::limits::{BATCH, LANES_MAX, MIB};
use crate::run::jobs;
use crate::run::memory::Memory;
use crate::run::options::RestoreOptions;
use crate::seal::WINDOW_LOG_MAX;

/// Program, schema and contents of a usual dump, HTTP client.
const BASE: u64 = 64 * MIB;

/// Blocks of stored bytes on their way to a lane.
const FETCH: u64 = 2 * MIB;

/// Plaintext blocks of one lane: in the opener, in the queue, being sent, and the socket's own buffer.
const BLOCKS: u64 = super::load::QUEUE as u64 + 3;

/// What a lane needs at most: an opener with the largest window, and its blocks.
const LANE: u64 = (1 << WINDOW_LOG_MAX) + FETCH + BLOCKS * BATCH as u64;

/// Refuses more lanes than fit beside a schema, or a schema that does not fit.
pub(in crate::run) fn check(options: &RestoreOptions, schema: Extent) -> Result<()> {
    if options.jobs == 0 || options.jobs > LANES_MAX {
        return Err(Error::new(Kind::Usage, format!("{} lanes cannot be had", options.jobs))
            .hint(format!("Choose from 1 to {LANES_MAX} with --jobs.")));
    }
    let jobs = jobs::fewest(options.auto_jobs, options.jobs);
    if !carries(options.memory.for_rows(schema, needed(jobs)), jobs) {
        let needed = (needed(jobs) + Memory::beside(schema)) / MIB + 1;
        let what = format!("{jobs} lanes and {} relations need {needed} MiB, more than the budget", schema.relations);
        return Err(Error::new(Kind::Usage, what).hint("Lower --jobs or raise --memory."));
    }
    Ok(())
}

/// Says so where a schema takes more than the usual budget has left.
pub(super) fn tell(options: &RestoreOptions, schema: Extent, news: &News) {
    options.memory.tell(schema, needed(jobs::fewest(options.auto_jobs, options.jobs)), news);
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
        let check = |options: RestoreOptions, schema| check(&options, schema);
        let none = Extent::default();
        assert!(check(options(8), none).is_ok());
        assert!(check(options(0), none).is_err());
        assert!(check(options(64), none).is_err());
        assert!(check(RestoreOptions { auto_jobs: true, ..options(64) }, none).is_ok());
        let large = Extent { relations: 400_000, columns: 400_000, routines: 0 };
        assert!(check(options(4), large).is_ok());
        let limited = RestoreOptions { memory: Memory::Limit(256 * MIB), ..options(4) };
        assert!(check(limited.clone(), none).is_ok());
        assert!(check(limited, large).is_err());
    }
}
