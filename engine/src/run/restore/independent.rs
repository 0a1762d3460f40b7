//! Tables that do not know of each other, and positions of sequences, made by all lanes.
//!
//! What the server refuses here is no loss: it was taken back, and the one connection that makes everything in order tries it
//! again behind them, one by one, and tells what is wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use super::{Run, locked, quick};
use crate::connect::Lane;
use crate::error::{Error, Kind, Result};
use crate::plan::schedule::EntryTask;
use crate::run::timeline::Work;
use crate::target::prepared::{Prepared, display_name};

/// With fewer families one connection is as good.
pub(super) const FAMILIES_MIN: usize = 32;

/// Families in one transaction: each is a handful of locks.
const TOGETHER: usize = 16;

/// What the lanes share.
struct Shared {
    run: Arc<Run>,
    families: Vec<Vec<EntryTask>>,
    next: AtomicUsize,
    refused: Mutex<Vec<EntryTask>>,
}

/// Makes families with all lanes; gives the entries that are still to be made.
pub(super) async fn run(run: &Arc<Run>, families: &[Vec<EntryTask>]) -> Result<Vec<EntryTask>> {
    let shared = Arc::new(Shared {
        run: Arc::clone(run),
        families: families.to_vec(),
        next: AtomicUsize::new(0),
        refused: Mutex::default(),
    });
    let mut lanes = JoinSet::new();
    for number in 0..run.options.jobs.min(families.len().div_ceil(TOGETHER)) {
        lanes.spawn(lane(Arc::clone(&shared), number));
    }
    let mut outcome = Ok(());
    // All are waited for: a lane that is dropped would leave its statements running on the server.
    while let Some(ended) = lanes.join_next().await {
        let result = ended.unwrap_or_else(|panic| Err(Error::new(Kind::Bug, "a lane failed").because(panic)));
        outcome = outcome.and(result);
    }
    outcome?;
    Ok(std::mem::take(&mut *locked(&shared.refused)))
}

async fn lane(shared: Arc<Shared>, number: usize) -> Result<()> {
    let run = &shared.run;
    let mut connection: Option<Lane> = None;
    loop {
        run.stopped()?;
        let from = shared.next.fetch_add(TOGETHER, Ordering::Relaxed);
        let Some(rest) = shared.families.get(from..) else { break };
        let batch: Vec<&EntryTask> = rest.iter().take(TOGETHER).flatten().collect();
        let Some(first) = batch.first() else { break };
        let name = run.entries.get(first.id).map(display_name).unwrap_or_default();
        let working = run.timeline.begin(Work::of(number, "statements", &name));
        let outcome = make(run, &mut connection, &batch).await;
        working.end();
        match outcome {
            Ok(true) => {}
            Err(error) if error.kind() == Kind::Cancelled => return Err(error),
            refused => {
                if refused.is_err() {
                    connection = None;
                }
                locked(&shared.refused).extend(batch.into_iter().cloned());
            }
        }
    }
    if let Some(connection) = connection {
        run.spare(connection);
    }
    Ok(())
}

async fn make(run: &Run, connection: &mut Option<Lane>, batch: &[&EntryTask]) -> Result<bool> {
    let lane = match connection {
        Some(lane) => lane,
        none => none.insert(run.lane().await?),
    };
    let prepared: Vec<Prepared> = batch.iter().filter_map(|task| run.prepared(task.id)).collect();
    quick::entries(run, lane, &prepared).await
}
