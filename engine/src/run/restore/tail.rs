//! The planner's statistics, and refreshes: what is left when rows, indexes and keys are there.
//!
//! Statistics come before the refreshes they help to plan, and cost little time of their own: where a server takes them as they are,
//! they are handed over while the rest of the rows is read back, which their locks do not mind (`ShareUpdateExclusive` beside
//! `AccessShare`; manual: "Explicit Locking"). Where tables must be analyzed instead, that needs the objects of extended statistics,
//! which are made behind the keys: lanes then analyze and refresh side by side.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::serial::Serial;
use super::{Run, lanes};
use crate::catalog::ObjectId;
use crate::catalog::features::{Feature, Features};
use crate::ddl::LockKind;
use crate::error::Result;
use crate::plan::restore_plan::Stage;
use crate::plan::schedule::{EntryTask, Schedule};

impl Run {
    /// Whether the target takes statistics as they are.
    fn takes_statistics(&self) -> bool {
        Features::of(self.facts.version).has(Feature::StatisticsImport)
    }

    /// The refreshes that are left to do, by what they refresh.
    fn refreshes(&self) -> HashMap<ObjectId, u32> {
        let refreshed = |task: &EntryTask| Some((self.entries.get(task.id)?.relation?, task.id));
        self.plan.stage(Stage::Refresh).iter().filter_map(refreshed).collect()
    }

    /// The statistics that are left to do.
    fn statistics(&self) -> Vec<EntryTask> {
        self.unfinished(self.plan.stage(Stage::Statistics))
    }

    /// The statistics of what is there as soon as the keys are, and all others: of what is refreshed, which would take them away,
    /// and of what is made later (invalid indexes).
    fn early_and_late_statistics(&self) -> (Vec<EntryTask>, Vec<EntryTask>) {
        let refreshes = self.refreshes();
        let made_later: HashSet<u32> = self.plan.stage(Stage::Rest).iter().map(|task| task.id).collect();
        let relation = |task: &EntryTask| self.entries.get(task.id).and_then(|entry| entry.relation);
        let is_refreshed = |task: &EntryTask| relation(task).is_some_and(|relation| refreshes.contains_key(&relation));
        let waits = |task: &EntryTask| task.depends.iter().any(|id| made_later.contains(id));
        self.statistics().into_iter().partition(|task| !is_refreshed(task) && !waits(task))
    }
}

/// Hands statistics over, where the target takes them, as far as their relations are what they will be.
pub(super) async fn hand_over(run: &Arc<Run>) -> Result<()> {
    if !run.takes_statistics() {
        return Ok(());
    }
    let mut tasks = run.early_and_late_statistics().0;
    for task in &mut tasks {
        let relation = run.entries.get(task.id).and_then(|entry| entry.relation);
        // An index's are written under its table's lock: side by side, lanes could come to wait for each other.
        task.locks = relation.into_iter().map(|relation| (relation, LockKind::Exclusive)).collect();
        task.quick = true;
    }
    lanes::run(run, Schedule::new(&[], &tasks)).await
}

/// Refreshes, and analyzes where that is how a server learns.
pub(super) async fn refresh(run: &Arc<Run>) -> Result<()> {
    let mut tasks = run.unfinished(run.plan.stage(Stage::Refresh));
    if !run.takes_statistics() {
        let refreshes = run.refreshes();
        for mut task in run.statistics() {
            let relation = run.entries.get(task.id).and_then(|entry| entry.relation);
            task.depends.extend(relation.and_then(|relation| refreshes.get(&relation)));
            tasks.push(task);
        }
    }
    lanes::run(run, Schedule::new(&[], &tasks)).await
}

/// The statistics that had to wait.
pub(super) async fn statistics(run: &Run, serial: &mut Serial<'_>) -> Result<()> {
    match run.takes_statistics() {
        true => serial.entries(&run.early_and_late_statistics().1).await,
        false => Ok(()),
    }
}
