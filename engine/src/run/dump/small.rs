//! Small tables many at a time: what a small table costs is the round trip, the locks and the hand-over to the sealing pool, so
//! all three are shared.
//!
//! When anything goes wrong, nothing was done: each chunk is then copied alone, which knows about queued DDL, lost
//! connections and a snapshot that has gone.

use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::chunk::HANDOVER;
use super::lanes::Hall;
use crate::connect;
use crate::error::Result;
use crate::event::{Counters, Event};
use crate::format::contents::DataKind;
use crate::limits::{BATCH, SMALL_TABLE};
use crate::plan::dump_plan::{PlannedChunk, Span};
use crate::seal::{SealError, SealReceipt, Sealer};
use crate::source::copy_out;
use crate::source::lane::SnapshotLane;

/// Small tables in one round trip: their locks are held together, and a server has few places where locks cost little.
const TOGETHER: usize = 32;

/// What is left is taken in so many shares per lane, so that no lane ends long before the others.
const SHARES: usize = 4;

/// A sealed chunk: its position in the plan, its bytes, what it is.
pub type SealedChunk = (usize, Vec<Bytes>, SealReceipt);

impl Hall {
    /// Takes the next chunks of the plan: one, or several small ones; none when all are taken.
    pub fn take(&self) -> Range<usize> {
        let all = self.plan.chunks.len();
        let end = |from: usize| from + self.together(from);
        let next = |from: usize| (from < all).then(|| end(from));
        match self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(from) => from..end(from),
            Err(_) => all..all,
        }
    }

    /// How many chunks from here on are copied together.
    fn together(&self, from: usize) -> usize {
        let rest = &self.plan.chunks[from..];
        let most = (rest.len() / (SHARES * self.jobs.max(1))).clamp(1, TOGETHER);
        let mut room = BATCH as u64;
        let fits = |chunk: &&PlannedChunk| {
            let left = self.small_bytes(chunk).and_then(|bytes| room.checked_sub(bytes));
            room = left.unwrap_or_default();
            left.is_some()
        };
        rest.iter().take(most).take_while(fits).count().max(1)
    }

    fn small_bytes(&self, chunk: &PlannedChunk) -> Option<u64> {
        let table = &self.plan.tables[chunk.table];
        let is_plain = table.kind == DataKind::Table && table.locked && chunk.span == Span::WHOLE;
        (is_plain && table.bytes <= SMALL_TABLE).then_some(table.bytes)
    }

    /// Copies and seals small chunks in one go; `None` if each is to be copied alone.
    pub async fn copy_together(
        &self,
        lane: &mut Option<SnapshotLane>,
        range: Range<usize>,
    ) -> Result<Option<Vec<SealedChunk>>> {
        let plain = match self.read_together(lane, range.clone()).await {
            Ok(plain) => plain,
            Err(error) => {
                // Queued DDL leaves the connection as it was; of anything else a new one knows nothing.
                let queued = connect::sqlstate(&error) == Some("55P03");
                let kept = match lane.take().filter(|_| queued) {
                    Some(mut open) => open.leave_copies().await.is_ok().then_some(open),
                    None => None,
                };
                *lane = kept;
                return Ok(None);
            }
        };
        let spec = self.seal.clone();
        let formats: Vec<_> = range.clone().map(|index| self.table(index).format).collect();
        let seal = move || {
            let sealed = plain.iter().zip(formats).map(|(plain, format)| {
                let mut sealer = Sealer::new(&spec, format)?;
                sealer.push(plain)?;
                sealer.finish()
            });
            sealed.collect::<Result<Vec<_>, SealError>>()
        };
        let sealed = self.pool.run(seal).await??;
        range.clone().filter(|index| self.plan.chunks[*index].first).for_each(|index| {
            let table = self.table(index);
            self.around.news.tell(Event::TableStarted { table: table.display_name(), bytes: table.bytes });
        });
        Ok(Some(range.zip(sealed).map(|(index, (bytes, receipt))| (index, bytes, receipt)).collect()))
    }

    async fn read_together(&self, lane: &mut Option<SnapshotLane>, range: Range<usize>) -> Result<Vec<Bytes>> {
        let lane = match lane {
            Some(lane) => lane,
            None => lane.insert(self.open_lane().await?),
        };
        let names: Vec<(&str, &str)> =
            range.clone().map(|index| self.table(index)).map(|table| (&*table.schema, &*table.name)).collect();
        let copies: Vec<String> =
            range.clone().map(|index| copy_out::statement(self.source(self.table(index)), Span::WHOLE)).collect();
        let plain = lane.copy_all_locked(&names, &copies, HANDOVER).await?;
        let raw: usize = plain.iter().map(Bytes::len).sum();
        self.pace.pay(raw).await;
        Counters::add(&self.around.news.counters.raw_bytes, raw as u64);
        Ok(plain)
    }
}
