//! Results of the lanes, and what is durable already.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;

use crate::event::{Counters, Event, News};
use crate::format::journal::JournalRecord;
use crate::format::manifest::{Piece, StoredChunk};
use crate::ids::ContentId;
use crate::journal::{Batch, Origin, Stored};
use crate::plan::dump_plan::DumpPlan;
use crate::seal::SealReceipt;

/// A finished chunk.
#[derive(Clone, Debug)]
pub struct Done {
    /// Digests and counts of its plaintext.
    pub receipt: SealReceipt,
    /// Where it is.
    pub stored: StoredChunk,
    /// True if it was stored before this run.
    pub reused: bool,
}

/// Finished chunks by their position in the plan, what is stored, and the journal's next record; shared by the lanes.
#[derive(Debug)]
pub struct Gather {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stored: Stored,
    done: Vec<Option<Done>>,
    left_in_table: Vec<(u32, u64)>,
    journal: Batch,
}

impl Gather {
    /// For a plan, with everything that earlier runs stored and the journal of this one.
    pub fn new(stored: Stored, journal: Batch, plan: &DumpPlan) -> Self {
        let mut left_in_table = vec![(0, 0); plan.tables.len()];
        for chunk in &plan.chunks {
            left_in_table[chunk.table].0 += 1;
        }
        let state = State { stored, done: vec![None; plan.chunks.len()], left_in_table, journal };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stored chunk with the same content.
    pub fn known(&self, id: &ContentId) -> Option<(StoredChunk, Origin)> {
        self.state().stored.find(id).map(|(chunk, origin)| (chunk.clone(), origin))
    }

    /// A chunk was uploaded whole: what it is, and where its pieces are.
    pub fn stored(&self, plan: &DumpPlan, index: usize, sealed: (SealReceipt, Vec<Piece>), news: &News) {
        let (receipt, pieces) = sealed;
        let stored = StoredChunk { id: receipt.id, sealed: receipt.sealed, pieces };
        {
            let mut state = self.state();
            state.stored.add_chunk(&stored);
            state.journal.add(stored.clone(), Utc::now());
        }
        self.finish(plan, index, Done { receipt, stored, reused: false }, news);
    }

    /// A chunk's content was there already.
    pub fn reused(&self, plan: &DumpPlan, index: usize, found: (SealReceipt, StoredChunk, Origin), news: &News) {
        let (receipt, stored, origin) = found;
        self.finish(plan, index, Done { receipt, stored, reused: origin != Origin::Now }, news);
    }

    fn finish(&self, plan: &DumpPlan, index: usize, done: Done, news: &News) {
        let chunk = &plan.chunks[index];
        let table = &plan.tables[chunk.table];
        Counters::add(&news.counters.rows, done.receipt.rows);
        Counters::add(&news.counters.chunks, 1);
        news.tell(Event::ChunkDone {
            table: table.display_name(),
            chunk: chunk.number,
            rows: done.receipt.rows,
            raw: done.receipt.raw,
            stored: done.stored.stored_len(),
            reused: done.reused,
        });
        let rows = {
            let mut state = self.state();
            let rows = done.receipt.rows;
            state.done[index] = Some(done);
            let left = &mut state.left_in_table[chunk.table];
            left.0 -= 1;
            left.1 += rows;
            (left.0 == 0).then_some(left.1)
        };
        if let Some(rows) = rows {
            news.tell(Event::TableDone { table: table.display_name(), rows });
        }
    }

    /// The journal's next record, if it is time for one; `now` whatever waits.
    pub fn record(&self, now: bool) -> Option<JournalRecord> {
        let journal = &mut self.state().journal;
        if now { journal.take(Utc::now()) } else { journal.due(Utc::now()) }
    }

    /// Records that were taken out so far, in this attempt and those before.
    pub fn records(&self) -> u32 {
        self.state().journal.records()
    }

    /// Everything that is stored, and the journal: for the next attempt.
    pub fn state_for_next(&self) -> (Stored, Batch) {
        let state = self.state();
        (state.stored.clone(), state.journal.clone())
    }

    /// Every chunk's result in plan order; `None` where one is missing.
    pub fn all(&self) -> Option<Vec<Done>> {
        self.state().done.iter().cloned().collect()
    }
}
