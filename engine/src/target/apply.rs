//! Running entries of the table of contents.
//!
//! The quick way: many entries in one transaction and one round trip, each with its progress row. When that fails, its
//! entries run one by one; what still fails is a loss with its reason, or the end with `--exit-on-error`.

use super::prepared::{Lost, Prepared, Rules, push, push_done};
use super::refusal::ends_the_run;
use super::{copy_progress, progress};
use crate::connect::{self, Lane};
use crate::ddl::two_steps::TwoSteps;
use crate::error::{Error, Result};

/// What became of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// What it lost.
    pub lost: Vec<Lost>,
}

/// Whether entries are written down in the target; drops are not, one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WrittenDown {
    /// Each with its own progress row.
    Each,
    /// Not at all: whoever calls does it.
    No,
}

/// Entries in one transaction, the progress rows first.
pub(super) fn transaction(entries: &[Prepared], how: WrittenDown) -> String {
    let mut sql = String::from("BEGIN");
    if how == WrittenDown::Each {
        push_done(&mut sql, entries);
    }
    entries.iter().for_each(|entry| entry.push_statements(&mut sql));
    push(&mut sql, "COMMIT");
    sql
}

/// Runs entries, and writes them down, in one transaction or not at all: false if the server refused any of it.
pub async fn run_all(lane: &mut Lane, entries: &[Prepared]) -> Result<bool> {
    match lane.execute(&transaction(entries, WrittenDown::Each)).await {
        Ok(_) => Ok(true),
        Err(error) => rollback(lane, error).await.map(|_| false),
    }
}

/// Runs `first` and then entries in one transaction or not at all: false if the server refused any of it.
pub async fn all_at_once(lane: &mut Lane, first: &str, entries: &[Prepared]) -> Result<bool> {
    let mut sql = String::from("BEGIN");
    if !first.is_empty() {
        push(&mut sql, first);
    }
    entries.iter().for_each(|entry| entry.push_statements(&mut sql));
    push(&mut sql, "COMMIT");
    match lane.execute(&sql).await {
        Ok(_) => Ok(true),
        Err(error) => rollback(lane, error).await.map(|_| false),
    }
}

/// Runs entries in order, all in one transaction if that works, else one by one.
pub async fn run_batch(lane: &mut Lane, batch: &[Prepared], rules: Rules, how: WrittenDown) -> Result<Applied> {
    if batch.len() > 1 {
        match lane.execute(&transaction(batch, how)).await {
            Ok(_) => return Ok(Applied { lost: batch.iter().flat_map(|entry| entry.lost.clone()).collect() }),
            Err(error) => {
                let error = rollback(lane, error).await?;
                // Cancelled, or the server is in trouble: one by one would be no better.
                if connect::sqlstate(&error).is_some_and(ends_the_run) {
                    return Err(error);
                }
            }
        };
    }
    let mut applied = Applied::default();
    for entry in batch {
        applied.lost.extend(run_one(lane, entry, rules, how).await?.lost);
    }
    Ok(applied)
}

/// Runs one entry in a transaction of its own.
async fn run_one(lane: &mut Lane, entry: &Prepared, rules: Rules, how: WrittenDown) -> Result<Applied> {
    match run_whole(lane, entry, how).await? {
        Ok(applied) => Ok(applied),
        Err(refused) => run_rest(lane, entry, rules, how, refused).await,
    }
}

/// Runs one entry, all of it or nothing: the inner error is the server's refusal, taken back.
pub async fn run_whole(lane: &mut Lane, entry: &Prepared, how: WrittenDown) -> Result<Result<Applied>> {
    let error = match lane.execute(&transaction(std::slice::from_ref(entry), how)).await {
        Ok(_) => return Ok(Ok(Applied { lost: entry.lost.clone() })),
        Err(error) => rollback(lane, error).await?,
    };
    if progress::is_done_already(&error) {
        return Ok(Ok(Applied { lost: entry.lost.clone() }));
    }
    if copy_progress::is_superseded(&error) {
        return Err(copy_progress::superseded(error));
    }
    match connect::sqlstate(&error).is_some_and(ends_the_run) {
        true => Err(entry.failed(None, error)),
        false => Ok(Err(error)),
    }
}

/// Takes the first of an entry's two steps back.
///
/// # Errors
/// `Kind::Target` if it cannot be taken back.
pub async fn undo(lane: &mut Lane, entry: &Prepared, steps: &TwoSteps) -> Result<()> {
    let sql = format!("BEGIN; {}; COMMIT", progress::entry_undone(entry.id, &steps.undo));
    match lane.execute(&sql).await {
        Ok(_) => Ok(()),
        Err(error) => Err(entry.failed(Some(&steps.undo), rollback(lane, error).await?)),
    }
}

/// After a refusal: keeps of an entry what works, unless the first refusal is to end the run.
pub async fn run_rest(
    lane: &mut Lane,
    entry: &Prepared,
    rules: Rules,
    how: WrittenDown,
    refused: Error,
) -> Result<Applied> {
    if let Some(entry) = entry.with_makers_path(&refused)
        && let Ok(applied) = run_whole(lane, &entry, how).await?
    {
        return Ok(applied);
    }
    run_in_steps(lane, entry, rules, how).await
}

/// Runs entries in order in one transaction, which commits whatever works: interrupted, nothing of it was done. They are
/// not written down.
pub async fn run_together(lane: &mut Lane, batch: &[Prepared], rules: Rules) -> Result<Applied> {
    let mut lost: Vec<Lost> = batch.iter().flat_map(|entry| entry.lost.clone()).collect();
    if all_at_once(lane, "", batch).await? {
        return Ok(Applied { lost });
    }
    lane.execute("BEGIN").await?;
    for entry in batch {
        lost.extend(steps(lane, entry, rules).await?);
    }
    lane.execute("COMMIT").await?;
    Ok(Applied { lost })
}

/// Runs an entry whose statements stand in no transaction. It is not written down.
pub async fn run_outside(lane: &mut Lane, entry: &Prepared, rules: Rules) -> Result<Applied> {
    let mut lost = entry.lost.clone();
    for statement in &entry.statements {
        let Err(error) = lane.execute(&statement.sql).await else { continue };
        lost.push(entry.forgive(lane, &statement.sql, error, rules)?);
        break;
    }
    Ok(Applied { lost })
}

/// Statement by statement inside a transaction, each behind a savepoint, keeping what works; gives what is lost by that.
async fn steps(lane: &mut Lane, entry: &Prepared, rules: Rules) -> Result<Vec<Lost>> {
    let mut lost = Vec::new();
    lane.execute("SAVEPOINT entry").await?;
    for statement in &entry.statements {
        let sql = format!("SAVEPOINT step; {}; RELEASE SAVEPOINT step", statement.sql);
        let Err(error) = lane.execute(&sql).await else { continue };
        lost.push(entry.forgive(lane, &statement.sql, error, rules)?);
        if statement.vital {
            lane.execute("ROLLBACK TO SAVEPOINT entry").await?;
            break;
        }
        lane.execute("ROLLBACK TO SAVEPOINT step").await?;
    }
    lane.execute("RELEASE SAVEPOINT entry").await?;
    Ok(lost)
}

/// An entry in steps, in a transaction of its own.
async fn run_in_steps(lane: &mut Lane, entry: &Prepared, rules: Rules, how: WrittenDown) -> Result<Applied> {
    let mut lost = entry.lost.clone();
    lane.execute("BEGIN").await?;
    lost.extend(steps(lane, entry, rules).await?);
    let mut sql = String::new();
    if how == WrittenDown::Each {
        sql.push_str(&entry.done());
        lost.iter().for_each(|lost| push(&mut sql, &progress::loss(lost)));
        sql.push_str("; ");
    }
    sql.push_str("COMMIT");
    match lane.execute(&sql).await {
        Ok(_) => Ok(Applied { lost }),
        Err(error) => {
            // Deferred checks fail here, with everything that was kept.
            let error = rollback(lane, error).await?;
            Err(entry.failed(None, error))
        }
    }
}

/// After a failure: ends the transaction and gives the failure back as `Ok` if the server refused something; a lost
/// connection stays an error.
async fn rollback(lane: &mut Lane, error: Error) -> Result<Error> {
    if connect::server_error(&error).is_none() || !lane.is_usable() || error.is_passing() {
        return Err(error);
    }
    lane.execute("ROLLBACK").await?;
    Ok(error)
}
