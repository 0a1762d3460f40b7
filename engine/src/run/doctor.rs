//! `doctor`: what would get in the way of a dump or a restore, found before it does.

use serde::Serialize;

use crate::catalog::features::{NEWEST_MAJOR, OLDEST_MAJOR};
use crate::connect::{self, ConnectOptions, Lane, Role, Rows, pooler};
use crate::error::{Error, Kind, Result};
use crate::source::error::SourceError;
use crate::store::{Pin, Repository, Store, StoreConfig};

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, with a price.
    Warning,
    /// A dump would fail or lose something.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at, e.g. `row security`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What to do, if anything.
    pub hint: Option<String>,
}

impl Finding {
    fn new(check: &'static str, severity: Severity, found: impl Into<String>) -> Self {
        Self { check, severity, found: found.into(), hint: None }
    }

    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}

/// Looks at a server as a dump would see it.
///
/// # Errors
/// `Kind::Source` if it cannot be reached at all.
pub async fn server(options: &ConnectOptions) -> Result<Vec<Finding>> {
    let (session, mut lane) = connect::pair(options, Role::Source).await?;
    let mut findings = vec![version(&lane)];
    findings.push(match pooler::lends(&mut lane, &session).await {
        Ok(false) => Finding::new("pooler", Severity::Ok, "no transaction pooler in between"),
        Ok(true) => problem(&SourceError::TransactionPooler.into()),
        Err(error) => problem(&error),
    });
    for (check, judge) in CHECKS {
        match lane.execute(check).await {
            Ok(rows) => findings.extend(judge(&rows)),
            Err(error) => findings.push(Finding::new("query", Severity::Warning, error.what())),
        }
    }
    lane.close().await;
    session.close().await;
    Ok(findings)
}

fn problem(error: &Error) -> Finding {
    Finding { hint: error.advice().map(str::to_owned), ..Finding::new("pooler", Severity::Problem, error.what()) }
}

fn version(lane: &Lane) -> Finding {
    match lane.version().major() {
        OLDEST_MAJOR..=NEWEST_MAJOR => Finding::new("version", Severity::Ok, format!("PostgreSQL {}", lane.version())),
        ..OLDEST_MAJOR => {
            Finding::new("version", Severity::Problem, format!("PostgreSQL {} is too old", lane.version()))
                .hint("PostgreSQL 14 to 18 are supported.")
        }
        _ => Finding::new("version", Severity::Warning, format!("PostgreSQL {} is newer than we know", lane.version()))
            .hint("Update pgfreight; what it does not know of is reported as not carried."),
    }
}

type Check = (&'static str, fn(&Rows) -> Vec<Finding>);

fn cell(rows: &Rows, row: usize, column: usize) -> &str {
    rows.get(row).and_then(|row| row.get(column)).and_then(Option::as_deref).unwrap_or_default()
}

fn number(rows: &Rows, row: usize, column: usize) -> u64 {
    cell(rows, row, column).parse().unwrap_or_default()
}

/// The first column's values, at most a few, with the count of the others.
fn some(rows: &Rows) -> String {
    let shown: Vec<&str> = (0..rows.len().min(5)).map(|row| cell(rows, row, 0)).collect();
    let rest = rows.len().saturating_sub(shown.len());
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

/// A question and what its answer means. Nothing here writes.
const CHECKS: &[Check] = &[
    ("SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('max_standby_streaming_delay')", standby),
    (
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm', 'S') \
         AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         AND NOT CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT') \
         ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END ORDER BY 1",
        unreadable,
    ),
    (
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') \
         AND pg_catalog.row_security_active(c.oid) ORDER BY 1",
        row_security,
    ),
    (
        "SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'm', 'S')), \
         pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8 * \
         (pg_catalog.current_setting('max_connections')::pg_catalog.int8 + \
         pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8)",
        lock_table,
    ),
    (
        "SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int8 - \
         pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8 - \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'), \
         (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = session_user)",
        connections,
    ),
    (
        "SELECT pid::pg_catalog.text, (EXTRACT(epoch FROM pg_catalog.now() - xact_start) / 60)::pg_catalog.int8 \
         FROM pg_catalog.pg_stat_activity WHERE xact_start < pg_catalog.now() - interval '1 hour' \
         AND pid <> pg_catalog.pg_backend_pid() ORDER BY xact_start",
        old_transactions,
    ),
    (
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p', 'm') \
         AND l.pid <> pg_catalog.pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         GROUP BY 1 ORDER BY 1",
        exclusive_locks,
    ),
];

fn standby(rows: &Rows) -> Vec<Finding> {
    if cell(rows, 0, 0) != "t" {
        return vec![Finding::new("standby", Severity::Ok, "a primary")];
    }
    let found = format!("a standby, max_standby_streaming_delay = {}", cell(rows, 0, 1));
    vec![Finding::new("standby", Severity::Warning, found).hint(
        "Replay may cancel a long dump: set hot_standby_feedback on, or raise max_standby_streaming_delay meanwhile.",
    )]
}

fn unreadable(rows: &Rows) -> Vec<Finding> {
    if rows.is_empty() {
        return vec![Finding::new("privileges", Severity::Ok, "every table and sequence can be read")];
    }
    vec![
        Finding::new("privileges", Severity::Problem, format!("cannot read {}", some(rows)))
            .hint("GRANT pg_read_all_data to the role, or leave the tables out with -T or -N."),
    ]
}

fn row_security(rows: &Rows) -> Vec<Finding> {
    if rows.is_empty() {
        return vec![Finding::new("row security", Severity::Ok, "no policy hides rows from this role")];
    }
    vec![
        Finding::new("row security", Severity::Problem, format!("policies would filter {}", some(rows)))
            .hint("ALTER ROLE … BYPASSRLS, or dump what is visible with --enable-row-security."),
    ]
}

fn lock_table(rows: &Rows) -> Vec<Finding> {
    let (relations, slots) = (number(rows, 0, 0), number(rows, 0, 1));
    let found = format!("{relations} relations to lock, {slots} slots in the lock table");
    if relations < slots / 10 * 9 {
        return vec![Finding::new("lock table", Severity::Ok, found)];
    }
    vec![
        Finding::new("lock table", Severity::Problem, found)
            .hint("Raise max_locks_per_transaction (needs a restart), or dump schema by schema with -n."),
    ]
}

fn connections(rows: &Rows) -> Vec<Finding> {
    let free: i64 = cell(rows, 0, 0).parse().unwrap_or_default();
    let limit: i64 = cell(rows, 0, 1).parse().unwrap_or(-1);
    let found = match limit {
        -1 => format!("{free} connections free"),
        limit => format!("{free} connections free, {limit} allowed to this role"),
    };
    if free >= 6 && !(0..6).contains(&limit) {
        return vec![Finding::new("connections", Severity::Ok, found)];
    }
    vec![
        Finding::new("connections", Severity::Warning, found)
            .hint("A dump opens one connection per lane and two more: lower -j accordingly."),
    ]
}

fn old_transactions(rows: &Rows) -> Vec<Finding> {
    if rows.is_empty() {
        return vec![Finding::new("old transactions", Severity::Ok, "none older than an hour")];
    }
    let found = format!("{} older than an hour, the oldest for {} minutes", rows.len(), number(rows, 0, 1));
    vec![
        Finding::new("old transactions", Severity::Warning, found)
            .hint("They keep vacuum from cleaning up, as the dump's own snapshot will; end what nobody needs."),
    ]
}

fn exclusive_locks(rows: &Rows) -> Vec<Finding> {
    if rows.is_empty() {
        return vec![Finding::new("locks", Severity::Ok, "nobody holds an exclusive lock")];
    }
    vec![
        Finding::new("locks", Severity::Warning, format!("exclusively locked right now: {}", some(rows)))
            .hint("A dump waits for them; bound the wait with --lock-wait-timeout."),
    ]
}

/// Looks at a repository as a dump or a reader would see it.
///
/// # Errors
/// None: a store that cannot be reached is a finding.
pub async fn repository(store: &StoreConfig) -> Vec<Finding> {
    match look(store).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding {
            hint: error.advice().map(str::to_owned),
            ..Finding::new("repository", Severity::Problem, with_cause(&error))
        }],
    }
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

async fn look(store: &StoreConfig) -> Result<Vec<Finding>> {
    let store = Store::open(store).await?;
    let repository = Repository::open(store.clone(), Pin::Any).await?;
    let descriptor = repository.descriptor();
    let mut findings = vec![Finding::new("repository", Severity::Ok, format!("found, id {}", descriptor.repository))];
    findings.push(if descriptor.encryption {
        Finding::new("encryption", Severity::Ok, descriptor.recipient.clone().unwrap_or_default())
    } else {
        Finding::new("encryption", Severity::Warning, "the repository is NOT encrypted")
    });
    let bundles = repository.list_bundles().await?;
    let readers = bundles.iter().filter(|name| matches!(name, crate::store::BundleName::Reader(_))).count();
    if descriptor.encryption {
        findings.push(match readers {
            0 => Finding::new("readers", Severity::Problem, "nobody's key is in the repository")
                .hint("Restore the bundles under keys/ from a copy of the bucket, or make a new repository."),
            1 => Finding::new("readers", Severity::Warning, "one reader")
                .hint("Add a second one with `pgfreight key add`, so that one lost key is not the end."),
            more => Finding::new("readers", Severity::Ok, format!("{more} readers")),
        });
    }
    let dumps = repository.list_dumps().await?;
    findings.push(match dumps.last() {
        Some(last) => Finding::new("dumps", Severity::Ok, format!("{}, the newest {last}", dumps.len())),
        None => Finding::new("dumps", Severity::Warning, "none yet"),
    });
    findings.push(writes(&store).await);
    Ok(findings)
}

/// Puts, reads, lists and deletes a small object.
async fn writes(store: &Store) -> Finding {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        return Finding::new("store", Severity::Warning, "not tried: the system gives no randomness");
    }
    let hint = "A dump host needs to list, get, put, and to delete below runs/ and probe/.";
    match store.probe(random).await {
        Err(error) => Finding::new("store", Severity::Warning, format!("cannot be written: {}", with_cause(&error)))
            .hint("Readers need not write. A dump host needs to list, get and put, and to delete below runs/."),
        Ok(probe) if !probe.reads_back => {
            Finding::new("store", Severity::Problem, "what was put is not read back").hint(hint)
        }
        Ok(probe) if !probe.lists => Finding::new("store", Severity::Problem, "what was put is not listed").hint(hint),
        Ok(probe) if !probe.deletes => Finding::new("store", Severity::Warning, "what was deleted stays").hint(hint),
        Ok(probe) if !probe.refuses_second_create => {
            Finding::new("store", Severity::Ok, "writes, reads, lists, deletes; creates twice without a word")
        }
        Ok(_) => Finding::new("store", Severity::Ok, "writes, reads, lists, deletes, refuses to create twice"),
    }
}

/// What a doctor's visit comes to.
///
/// # Errors
/// `Kind::Source` naming the first problem, if there is one.
pub fn verdict(findings: &[Finding]) -> Result<()> {
    match findings.iter().find(|finding| finding.severity == Severity::Problem) {
        None => Ok(()),
        Some(problem) => {
            let of_store = ["repository", "readers", "store"].contains(&problem.check);
            let kind = if of_store { Kind::Store } else { Kind::Source };
            Err(Error::new(kind, format!("{}: {}", problem.check, problem.found)))
        }
    }
}
