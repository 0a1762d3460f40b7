//! Running one entry of the table of contents on a lane, in one step or in two.

use std::time::Instant;

use super::serial::or_cancel;
use super::{Run, locked};
use crate::connect::Lane;
use crate::error::Result;
use crate::plan::schedule::Task;
use crate::target::apply::{self, Applied, WrittenDown};
use crate::target::prepared::Prepared;

/// Runs the first of an entry's two steps. Refused, it is left undone, and the whole entry says what is wrong: at the end, where
/// there is a second try.
pub(super) async fn first_step(run: &Run, lane: &mut Lane, id: u32, crowded: bool) -> Result<()> {
    let (Some(prepared), Some(steps)) = (run.prepared(id), run.plan.two_steps.get(&id)) else { return Ok(()) };
    let clock = Instant::now();
    let first = alone(prepared.first_step(steps), crowded);
    let token = lane.cancel_token();
    match or_cancel(run, &token, apply::run_whole(lane, &first, WrittenDown::Each)).await? {
        Ok(_) => _ = locked(&run.begun).insert(id, milliseconds(clock)),
        Err(_) => _ = run.second_try.put_off(Task::Entry { id }),
    }
    Ok(())
}

/// Runs an entry, or what is left of it behind its first step.
pub(super) async fn run(run: &Run, lane: &mut Lane, id: u32, crowded: bool) -> Result<()> {
    let task = Task::Entry { id };
    let Some(prepared) = run.prepared(id).filter(|_| !run.second_try.has(task)) else { return Ok(()) };
    let clock = Instant::now();
    let begun = locked(&run.begun).get(&id).copied();
    if begun.is_none() || !second_step(run, lane, &prepared).await? {
        let Some(applied) = whole(run, lane, &alone(prepared, crowded), task).await? else { return Ok(()) };
        applied.lost.into_iter().for_each(|lost| run.lose(lost));
    }
    run.entry_done(id, begun.unwrap_or(0) + milliseconds(clock));
    Ok(())
}

/// The second step; refused, the first one is taken back: `false`.
async fn second_step(run: &Run, lane: &mut Lane, prepared: &Prepared) -> Result<bool> {
    let Some(steps) = run.plan.two_steps.get(&prepared.id) else { return Ok(false) };
    let token = lane.cancel_token();
    let second = prepared.second_step(steps);
    match or_cancel(run, &token, apply::run_whole(lane, &second, WrittenDown::Each)).await? {
        Ok(applied) => {
            applied.lost.into_iter().for_each(|lost| run.lose(lost));
            Ok(true)
        }
        Err(_) => {
            apply::undo(lane, prepared, steps).await?;
            locked(&run.begun).remove(&prepared.id);
            Ok(false)
        }
    }
}

/// The whole entry; nothing if it was put off.
async fn whole(run: &Run, lane: &mut Lane, prepared: &Prepared, task: Task) -> Result<Option<Applied>> {
    let token = lane.cancel_token();
    let first = apply::run_whole(lane, prepared, WrittenDown::Each);
    match or_cancel(run, &token, first).await? {
        Ok(applied) => Ok(Some(applied)),
        Err(_) if run.second_try.put_off(task) => Ok(None),
        Err(refused) => {
            let rest = apply::run_rest(lane, prepared, run.rules, WrittenDown::Each, refused);
            or_cancel(run, &token, rest).await.map(Some)
        }
    }
}

/// Without parallel workers, where those would get in the way of others.
fn alone(prepared: Prepared, crowded: bool) -> Prepared {
    if crowded { prepared.without_workers() } else { prepared }
}

fn milliseconds(clock: Instant) -> u64 {
    clock.elapsed().as_millis() as u64
}
