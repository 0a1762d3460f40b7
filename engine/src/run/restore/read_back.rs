//! Reading rows back while a lane would wait.
//!
//! Towards the end of the loads a lane may have nothing to begin: what is left waits for a statement that runs, two keys of one
//! table for each other. It then reads a piece of a table that is complete. What was read need not be read beside the foreign
//! keys ([`super::check`]); what could not be read is read there again, and told there.
//!
//! Rows do not change any more: there are no triggers yet, and indexes and keys leave rows alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Run, cancelled, locked};
use crate::connect::Lane;
use crate::error::{Error, Kind, Result};
use crate::format::contents::{DataKind, TableData};
use crate::limits::MIB;
use crate::plan::dump_plan::Span;
use crate::plan::restore_plan::PlannedLoad;
use crate::plan::split;
use crate::run::fingerprint::{self, Begun, Reading};
use crate::seal::RowHasher;
use crate::source::copy_out::{self, CopySource};
use crate::target::read_back;

/// Tables with less are read in one go by the check, with fewer round trips.
const WORTH: u64 = MIB;

/// What was read of each load.
#[derive(Debug, Default)]
pub(super) struct ReadBack(Mutex<BTreeMap<usize, State>>);

#[derive(Debug, Default)]
struct State {
    sum: Reading,
    left: Vec<Span>,
    /// A piece could not be read: the rest is left for the check.
    given_up: bool,
}

impl ReadBack {
    /// A table with what was read of it.
    pub(super) fn begun(&self, load: usize, table: TableData) -> Begun {
        let read = locked(&self.0).get(&load).map(|state| (state.sum, state.left.clone()));
        Begun { table, read }
    }

    fn is_done(&self, load: usize) -> bool {
        locked(&self.0).get(&load).is_some_and(|state| state.given_up || state.left.is_empty())
    }

    fn take(&self, load: usize) -> Option<Span> {
        locked(&self.0).get_mut(&load)?.left.pop()
    }

    fn ended(&self, load: usize, span: Span, outcome: &Result<Reading>) {
        let mut all = locked(&self.0);
        let Some(state) = all.get_mut(&load) else { return };
        match outcome {
            Ok(reading) => state.sum.add(*reading),
            Err(_) => {
                state.left.push(span);
                state.given_up = true;
            }
        }
    }
}

impl Run {
    /// Loads that lanes may read piece by piece.
    pub(super) fn worth_reading(&self) -> Vec<usize> {
        let is_worth = |(number, load): &(usize, &PlannedLoad)| {
            let data = &self.cargo.contents.tables[load.table];
            let is_plain = data.kind == DataKind::Table && data.condition.is_none();
            is_plain && !self.occupied.contains(number) && load.chunks.iter().sum::<u64>() >= WORTH
        };
        let all = if self.options.no_check { &[] } else { self.plan.loads.as_slice() };
        all.iter().enumerate().filter(is_worth).map(|(number, _)| number).collect()
    }

    /// Whether there is a piece of a complete load that should be read back now.
    pub(super) fn is_readable(&self, load: usize) -> bool {
        !locked(&self.spoiled).contains(&load) && !self.second_try.has_chunk_of(load) && !self.read_back.is_done(load)
    }

    /// Reads a piece of a load back. What goes wrong is no error here, but the connection is not to be used any more: `false`.
    ///
    /// # Errors
    /// `Kind::Cancelled` when stopped.
    pub(super) async fn read_piece(&self, lane: &mut Lane, load: usize) -> Result<bool> {
        let data = &self.cargo.contents.tables[self.plan.loads[load].table];
        if !locked(&self.read_back.0).contains_key(&load) {
            let Ok(left) = pieces(lane, data).await else { return Ok(false) };
            locked(&self.read_back.0).entry(load).or_insert(State { left, ..State::default() });
        }
        let Some(span) = self.read_back.take(load) else { return Ok(true) };
        let outcome = tokio::select! {
            biased;
            () = self.around.stop.cancelled() => Err(cancelled()),
            outcome = self.read_span(lane, data, span) => outcome,
        };
        self.read_back.ended(load, span, &outcome);
        match outcome {
            Err(error) if error.kind() == Kind::Cancelled => Err(error),
            outcome => Ok(outcome.is_ok()),
        }
    }

    async fn read_span(&self, lane: &mut Lane, data: &TableData, span: Span) -> Result<Reading> {
        let encoding = &self.cargo.contents.header.encoding;
        lane.execute(&read_back::begin(encoding)).await?;
        let mut copy = lane.copy_out(&copy_out::statement(CopySource::of(data, encoding), span)).await?;
        let hasher = RowHasher::new(data.format);
        let reading = fingerprint::hash(&mut copy, hasher, &self.pool, &self.around.news).await?;
        lane.execute("COMMIT").await?;
        Ok(reading)
    }
}

async fn pieces(lane: &mut Lane, data: &TableData) -> Result<Vec<Span>> {
    let rows = lane.execute(&read_back::blocks(&data.schema, &data.name)).await?;
    let blocks = rows.into_iter().flatten().flatten().next().and_then(|blocks| blocks.parse().ok());
    let blocks = blocks.ok_or_else(|| Error::new(Kind::Target, "the server answered a query without a row"))?;
    Ok(split::to_read_back_in_pieces(blocks))
}
