//! What a lane has on its way to the store while it copies on.
//!
//! One chunk's way is three round trips (is it there, and begin; its parts; complete), which to a far store take longer than the next
//! copy. So a lane has several under way, as long as memory is left for what all lanes copy meanwhile: a store that is slow
//! rather than far fills the budget, and then whoever copies waits for it.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use super::budget::Share;
use super::chunk::{self, Copied};
use super::lanes::Hall;
use super::packer::Pack;
use crate::error::{Error, Kind, Result};
use crate::run::timeline::Work;

/// Uploads of all lanes that may be under way beside the next copies. Memory is usually short before.
const AT_ONCE: usize = 16;

/// What a lane has sealed and not stored yet, with the memory it takes.
pub(super) enum Unstored {
    /// A chunk by its position in the plan.
    Chunk(usize, Box<Copied>),
    /// Small ones together.
    Pack(Pack, Share),
}

/// What one lane is storing.
pub(super) struct Storing<'a> {
    hall: &'a Arc<Hall>,
    /// The last of its lines in the timeline, and those without a stint now: stints of one line never overlap.
    last_line: usize,
    free_lines: Vec<usize>,
    tasks: JoinSet<(usize, Result<()>)>,
}

impl<'a> Storing<'a> {
    /// For a lane, numbered from 0.
    pub(super) fn new(hall: &'a Arc<Hall>, lane: usize) -> Self {
        Self { hall, last_line: lane, free_lines: Vec::new(), tasks: JoinSet::new() }
    }

    /// Begins to store what was copied, and waits until the lane may copy on.
    ///
    /// # Errors
    /// Of whatever has failed meanwhile.
    pub(super) async fn begin(&mut self, unstored: Option<Unstored>) -> Result<()> {
        let Some(unstored) = unstored else { return Ok(()) };
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended)?;
        }
        let line = self.free_lines.pop().unwrap_or_else(|| {
            self.last_line += self.hall.jobs;
            self.last_line
        });
        let hall = Arc::clone(self.hall);
        self.tasks.spawn(async move { (line, store(&hall, line, unstored).await) });
        let most = AT_ONCE / self.hall.jobs.max(1);
        while self.tasks.len() > 1 && (self.tasks.len() > most || self.hall.budget.is_short()) {
            self.next().await?;
        }
        Ok(())
    }

    /// Waits until everything is stored; the last lane that comes here takes along what waits for company.
    pub(super) async fn finish(mut self) -> Result<()> {
        let last = self.hall.last_pack().await;
        self.begin(last).await?;
        while !self.tasks.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<()> {
        match self.tasks.join_next().await {
            Some(ended) => self.ended(ended),
            None => Ok(()),
        }
    }

    fn ended(&mut self, ended: std::result::Result<(usize, Result<()>), JoinError>) -> Result<()> {
        let failed = |panic| Error::new(Kind::Bug, "a task that stores a chunk failed").because(panic);
        let (line, outcome) = ended.map_err(failed)?;
        self.free_lines.push(line);
        outcome
    }
}

/// Stores it, on a line of the timeline.
async fn store(hall: &Hall, line: usize, unstored: Unstored) -> Result<()> {
    match unstored {
        Unstored::Pack(pack, _held) => {
            let _storing = hall.timeline.begin(Work::of(line, "store", "small chunks"));
            let (bytes, members) = pack.seal();
            let stored = chunk::store(hall.bench(), bytes).await?;
            for (index, receipt, piece) in members.placed(stored.object, stored.object_length) {
                hall.gather.stored(&hall.plan, index, (receipt, vec![piece]), &hall.around.news);
            }
        }
        Unstored::Chunk(index, copied) => {
            let _storing = hall.timeline.begin(hall.work(line, "store", &hall.plan.chunks[index]));
            let sealed = chunk::store_rest(hall.bench(), *copied).await?;
            hall.gather.stored(&hall.plan, index, sealed, &hall.around.news);
        }
    }
    Ok(())
}
