//! The stages that run in order on one connection: many small statements, batched.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::independent::{self, FAMILIES_MIN};
use super::{Run, pause};
use crate::connect::{self, Lane};
use crate::ddl::INVALID_INDEX;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::limits::CHUNK_ATTEMPTS;
use crate::plan::families::Parts;
use crate::plan::schedule::EntryTask;
use crate::run::dump::is_lost;
use crate::run::timeline::Work;
use crate::sql::qualified;
use crate::target::apply::{self, WrittenDown};
use crate::target::invalid_index::{self, InvalidIndex};
use crate::target::prepared::{Lost, Prepared, display_name};
use crate::target::progress;

/// Entries in one transaction: enough to hide round trips, few enough for the server's lock table and for a retry.
const BATCH: usize = 64;

/// The one connection, made anew when it is lost.
pub(super) struct Serial<'a> {
    run: &'a Arc<Run>,
    lane: Option<Lane>,
}

impl<'a> Serial<'a> {
    pub(super) fn new(run: &'a Arc<Run>, lane: Lane) -> Self {
        Self { run, lane: Some(lane) }
    }

    /// The drops of `--clean`, once.
    pub(super) async fn drops(&mut self) -> Result<()> {
        if self.run.plan.drops.is_empty() || self.run.done.entries.contains(&progress::DROPS) {
            return Ok(());
        }
        self.run.around.news.tell(Event::Phase { name: "clean" });
        let drops: Vec<Prepared> = self
            .run
            .plan
            .drops
            .iter()
            .filter_map(|id| self.run.entries.get(*id))
            .filter_map(|entry| entry.drop.clone().map(|sql| Prepared::drop(entry, sql)))
            .collect();
        for batch in drops.chunks(BATCH) {
            self.batch(batch, WrittenDown::No).await?;
        }
        self.execute(&progress::entry_done(progress::DROPS, None)).await
    }

    /// Pre-data. Many tables that do not know of each other are made by all lanes.
    pub(super) async fn before(&mut self, tasks: &[EntryTask]) -> Result<()> {
        let parts = Parts::of(tasks, |id| self.run.entries.get(id));
        if self.run.options.jobs < 2 || parts.families.len() < FAMILIES_MIN {
            return self.entries(tasks).await;
        }
        self.entries(&parts.first).await?;
        let refused = independent::run(self.run, &parts.families).await?;
        // In the order that a single connection would have kept.
        let mut last: Vec<EntryTask> = refused.into_iter().chain(parts.last).collect();
        let place: HashMap<u32, usize> = tasks.iter().enumerate().map(|(place, task)| (task.id, place)).collect();
        last.sort_by_key(|task| place.get(&task.id).copied());
        self.entries(&last).await
    }

    /// Entries that need nothing of each other: many of them are run by all lanes.
    pub(super) async fn in_any_order(&mut self, tasks: &[EntryTask]) -> Result<()> {
        if self.run.options.jobs < 2 || tasks.len() < FAMILIES_MIN {
            return self.entries(tasks).await;
        }
        let each: Vec<Vec<EntryTask>> = tasks.iter().map(|task| vec![task.clone()]).collect();
        let refused = independent::run(self.run, &each).await?;
        self.entries(&refused).await
    }

    /// Entries in order. What needs two sessions runs apart.
    pub(super) async fn entries(&mut self, tasks: &[EntryTask]) -> Result<()> {
        let run = self.run;
        let is_apart = |task: &EntryTask| run.entries.get(task.id).is_some_and(|entry| entry.desc == INVALID_INDEX);
        for tasks in tasks.chunk_by(|one, next| !is_apart(one) && !is_apart(next)) {
            if let [task] = tasks
                && is_apart(task)
            {
                self.invalid_index(task.id).await?;
                continue;
            }
            for batch in tasks.chunks(BATCH) {
                let prepared: Vec<Prepared> = batch.iter().filter_map(|task| run.prepared(task.id)).collect();
                self.batch(&prepared, WrittenDown::Each).await?;
            }
        }
        Ok(())
    }

    /// An index that is to be invalid. It cannot be made and written down in one transaction; one that is there is enough.
    async fn invalid_index(&mut self, id: u32) -> Result<()> {
        let run = self.run;
        let _working = run.timeline.begin(run.in_order(id));
        let clock = Instant::now();
        let (Some(entry), Some(prepared)) = (run.entries.get(id), run.prepared(id)) else { return Ok(()) };
        let table = entry.relation.and_then(|table| run.cargo.contents.catalog.get(table));
        let Some(table) = table.map(|table| qualified(table.schema.as_deref(), &table.name)) else { return Ok(()) };
        let index = qualified(entry.schema.as_deref(), &entry.name);
        let tablespace = prepared.tablespace();
        let what = InvalidIndex { table: &table, index: &index, tablespace, statements: &entry.create };
        let mut builder = run.open_lane().await?;
        let mut lost = prepared.lost().to_vec();
        if let Err(error) = invalid_index::make(self.lane().await?, &mut builder, what).await {
            let sql = entry.create.first().map_or("", String::as_str);
            lost.push(prepared.forgive(&builder, sql, error, run.rules)?);
        }
        for lost in lost {
            self.execute(&progress::loss(&lost)).await?;
            run.lose(lost);
        }
        self.execute(&prepared.done()).await?;
        run.entry_done(id, clock.elapsed().as_millis() as u64);
        Ok(())
    }

    /// The last entries and the end of progress, in one transaction if that works: event triggers would fire for the end.
    pub(super) async fn last(&mut self, tasks: &[EntryTask]) -> Result<()> {
        self.run.stopped()?;
        let run = self.run;
        let tasks = run.unfinished(tasks);
        let prepared: Vec<Prepared> = tasks.iter().filter_map(|task| run.prepared(task.id)).collect();
        let working = run.timeline.begin(run.in_order(prepared.first().map_or(0, |entry| entry.id)));
        let lane = self.lane().await?;
        if apply::all_at_once(lane, &progress::drop_statements(run.rules.attempt), &prepared).await? {
            for entry in &prepared {
                entry.lost().iter().for_each(|lost| run.lose(lost.clone()));
                run.entry_done(entry.id, 0);
            }
            return Ok(());
        }
        working.end();
        self.entries(&tasks).await?;
        progress::end(self.lane().await?, run.rules.attempt).await
    }

    /// The connection, between its tasks.
    pub(super) async fn lane(&mut self) -> Result<&mut Lane> {
        if self.lane.as_ref().is_some_and(|lane| !lane.is_usable()) {
            self.lane = None;
        }
        match &mut self.lane {
            Some(lane) => Ok(lane),
            none => Ok(none.insert(self.run.open_lane().await?)),
        }
    }

    /// One batch, again on a new connection when the old one is lost; what was committed is known by its progress rows.
    async fn batch(&mut self, batch: &[Prepared], how: WrittenDown) -> Result<()> {
        let run = self.run;
        let _working = run.timeline.begin(run.in_order(batch.first().map_or(0, |entry| entry.id)));
        let mut attempt = 1;
        loop {
            run.stopped()?;
            let clock = Instant::now();
            let rules = run.rules;
            let outcome = match self.lane().await {
                Ok(lane) => {
                    let token = lane.cancel_token();
                    or_cancel(run, &token, apply::run_batch(lane, batch, rules, how)).await
                }
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(applied) => {
                    match how {
                        WrittenDown::Each => applied.lost.into_iter().for_each(|lost| run.lose(lost)),
                        // What could not be dropped is no loss: if it is still there when it is made, that is.
                        WrittenDown::No => applied.lost.into_iter().for_each(|lost| warn(run, &lost)),
                    }
                    let each = clock.elapsed().as_millis() as u64 / batch.len().max(1) as u64;
                    batch.iter().filter(|_| how == WrittenDown::Each).for_each(|entry| run.entry_done(entry.id, each));
                    return Ok(());
                }
                Err(error) => error,
            };
            attempt += 1;
            retry_or(run, error, attempt, "running statements").await?;
            self.lane = None;
        }
    }

    async fn execute(&mut self, sql: &str) -> Result<()> {
        let lane = self.lane().await?;
        match lane.execute(sql).await {
            Err(error) if !progress::is_done_already(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Run {
    /// Statements in order, beginning with an entry's, in the timeline: behind the lanes and those that read back.
    fn in_order(&self, first: u32) -> Work {
        let name = self.entries.get(first).map(display_name).unwrap_or_default();
        Work::of(2 * self.options.jobs, "statements", &name)
    }
}

fn warn(run: &Run, lost: &Lost) {
    let message = format!("{} {}: {}", lost.class, lost.name, lost.reason);
    run.around.news.tell(Event::Warning { message });
}

/// Waits before another attempt, or gives the error back if another makes no sense.
pub(super) async fn retry_or(run: &Run, error: Error, attempt: u32, what: &str) -> Result<()> {
    run.stopped()?;
    if !error.is_passing() || attempt > CHUNK_ATTEMPTS || is_lost(&error) {
        return Err(error);
    }
    run.around.news.tell(Event::Retry { what: what.to_owned(), attempt, cause: error.to_string() });
    tokio::select! {
        () = run.around.stop.cancelled() => Err(super::cancelled()),
        () = tokio::time::sleep(pause(attempt)) => Ok(()),
    }
}

/// Runs statements; when the user stops, asks the server to stop too and waits until it has.
pub(super) async fn or_cancel<T>(
    run: &Run,
    token: &connect::CancelToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = run.around.stop.cancelled() => {}
    }
    // An attempt; whether it worked shows in how the statement ends.
    let _ = token.cancel().await;
    match work.await {
        Ok(done) => Ok(done),
        Err(_) => Err(super::cancelled()),
    }
}
