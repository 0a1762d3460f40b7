//! Everything that can go wrong from outside, caused on real servers: what is said, that nothing is lost, and that the
//! same command ends well afterwards.

mod catalogs;
mod damage;
mod planning;
mod resume;
mod servers;
mod stores;
mod targets;
mod versions;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgfreight_engine::connect::{ConnectArgs, ConnectOptions, Environment, resolve};
use pgfreight_engine::event::{Event, News, Observer};
use pgfreight_engine::keys::{Identities, Label, Recipients, Wrap, WriterKey, nobody_to_ask};
use pgfreight_engine::run::opened::OpenedDump;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions, Surroundings, VerifyOptions};
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::run::report::{DumpReport, RestoreReport, VerifyReport};
use pgfreight_engine::run::{dump, init, restore, verify};
use pgfreight_engine::store::{Pin, Repository, Store, StoreConfig};
use pgfreight_engine::{Error, Result};
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::process;

/// Rows of [`big`]: about 48 MiB of COPY data that hardly compress, in chunks of four.
pub(crate) const ROWS: u64 = 180_000;

/// A table with enough chunks to be interrupted in, and small ones beside it.
pub(crate) fn big(database: &Database<'_>) {
    database.execute(&format!(
        "CREATE TABLE big (id bigint PRIMARY KEY, noise bytea NOT NULL, word text);
         ALTER TABLE big ALTER noise SET STORAGE PLAIN;
         INSERT INTO big SELECT i, (SELECT string_agg(decode(md5((i * 16 + p)::text), 'hex'), '')
             FROM generate_series(1, 14) AS p), 'row ' || i FROM generate_series(1, {ROWS}) AS i;
         CREATE TABLE small (id integer PRIMARY KEY REFERENCES big, note text);
         INSERT INTO small SELECT i, 'note ' || i FROM generate_series(1, 1000) AS i;
         CREATE INDEX ON big (word);
         CREATE VIEW counted AS SELECT count(*) FROM big;
         CREATE MATERIALIZED VIEW sums AS SELECT id % 10 AS k, count(*) FROM big GROUP BY 1;
         CREATE SEQUENCE numbers START 42;
         SELECT nextval('numbers')"
    ));
}

/// Tables of a few rows.
fn little(database: &Database<'_>) {
    database.execute(
        "CREATE TABLE one (id integer PRIMARY KEY, t text);
         INSERT INTO one SELECT i, 'a' || i FROM generate_series(1, 500) i;
         CREATE TABLE two (id integer REFERENCES one, n numeric);
         INSERT INTO two SELECT i, i * 1.5 FROM generate_series(1, 500) i;
         CREATE TABLE three (id integer); INSERT INTO three VALUES (1), (2), (3)",
    );
}

fn small_chunks(jobs: usize) -> DumpOptions {
    DumpOptions { jobs, level: 1, chunk_target: 4 << 20, ..DumpOptions::default() }
}

fn connect(url: &str) -> ConnectOptions {
    let args = ConnectArgs { dbname: Some(url.to_owned()), ..ConnectArgs::default() };
    let world = Environment { vars: Default::default(), home: None, user: Some("postgres".into()) };
    resolve(&args, &world).unwrap()
}

/// An error with its causes and its hint.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.what().to_owned();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" <- {cause}"));
        next = cause.source();
    }
    format!("{text} ({})", error.advice().unwrap_or("no hint"))
}

/// An age identity and the recipient that goes with it.
struct Person {
    identity: Vec<u8>,
    recipients: Recipients,
}

impl Person {
    fn new() -> Self {
        let made = process::run(&mut pgfreight_fixtures::tools::age_keygen()).stdout;
        let text = String::from_utf8(made).unwrap();
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
        let mut recipients = Recipients::new();
        recipients.add(public).unwrap();
        Self { identity: text.into_bytes(), recipients }
    }

    fn identities(&self) -> Identities {
        let mut identities = Identities::new();
        identities.add_file("key", &self.identity, &nobody_to_ask()).unwrap();
        identities
    }
}

/// An encrypted repository, its writer and its reader.
struct Depot {
    config: StoreConfig,
    writer: WriterKey,
    reader: Person,
    folder: Option<tempfile::TempDir>,
}

impl Depot {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(folder.path().join("repo").to_str().unwrap());
        Self { folder: Some(folder), ..Self::at(config).await }
    }

    async fn at(config: StoreConfig) -> Self {
        let reader = Person::new();
        let wrap = Wrap::Recipients(reader.recipients.clone());
        let created = init::init(&config, &[(Label::parse("first").unwrap(), wrap)]).await.unwrap();
        Self { config, writer: created.writer, reader, folder: None }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("repo").join(key)
    }

    /// Every file below a folder of the repository.
    fn files(&self, below: &str) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.path(below)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path);
                }
            }
        }
        found
    }

    async fn repository(&self) -> Repository {
        Repository::open(Store::open(&self.config).await.unwrap(), Pin::Writer(&self.writer)).await.unwrap()
    }

    async fn dump_as(&self, url: &str, options: &DumpOptions, around: &Surroundings) -> Result<DumpReport> {
        dump::dump(&self.repository().await, &self.writer, &connect(url), options, around).await
    }

    async fn dump(&self, url: &str) -> Result<DumpReport> {
        self.dump_as(url, &small_chunks(2), &Surroundings::quiet()).await
    }

    async fn access(&self) -> Access {
        Access::open(&self.config, &self.reader.identities(), false).await.unwrap()
    }

    async fn latest(&self) -> OpenedDump {
        self.access().await.find("latest").await.unwrap()
    }

    async fn listed(&self) -> usize {
        self.repository().await.list_dumps().await.unwrap().len()
    }

    async fn restore_as(&self, url: &str, options: &RestoreOptions, around: &Surroundings) -> Result<RestoreReport> {
        let access = self.access().await;
        let opened = access.find("latest").await?;
        restore::restore(access.repository(), &opened, &connect(url), options, around).await
    }

    async fn restore(&self, url: &str) -> Result<RestoreReport> {
        self.restore_as(url, &two_lanes(), &Surroundings::quiet()).await
    }

    async fn verify(&self) -> Result<VerifyReport> {
        let access = self.access().await;
        let opened = access.find("latest").await?;
        verify::opened(access.repository(), &opened, &VerifyOptions::default(), &Surroundings::quiet()).await
    }

    /// Verifies with the key and restores into a new database of the same server, which must equal the source.
    async fn assert_equal(&self, source: &Database<'_>) {
        assert_eq!(self.verify().await.unwrap().problems, Vec::<String>::new());
        let target = source.cluster().database("faults_equal");
        self.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        let scope = pgfreight_fixtures::compare::Scope::All;
        pgfreight_fixtures::compare::assert_equal(&source.url(), &target.url(), scope);
    }
}

fn two_lanes() -> RestoreOptions {
    RestoreOptions { jobs: 2, ..RestoreOptions::default() }
}

type Hook = Box<dyn FnMut(&Event) + Send>;

/// Remembers what a run told, and does something at a moment of it.
pub(crate) struct Story {
    events: Mutex<Vec<Event>>,
    hook: Mutex<Hook>,
}

impl Story {
    pub(crate) fn new(hook: impl FnMut(&Event) + Send + 'static) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), hook: Mutex::new(Box::new(hook)) })
    }

    pub(crate) fn plain() -> Arc<Self> {
        Self::new(|_| ())
    }

    pub(crate) fn around(self: &Arc<Self>) -> Surroundings {
        Surroundings { news: News::new(Arc::<Self>::clone(self)), stop: Default::default() }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn phases(&self) -> Vec<&'static str> {
        self.events()
            .iter()
            .filter_map(|event| if let Event::Phase { name } = event { Some(*name) } else { None })
            .collect()
    }

    pub(crate) fn retries(&self) -> Vec<String> {
        let told = |event: &Event| match event {
            Event::Retry { what, cause, .. } => Some(format!("{what}: {cause}")),
            _ => None,
        };
        self.events().iter().filter_map(told).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let told = |event: &Event| if let Event::Warning { message } = event { Some(message.clone()) } else { None };
        self.events().iter().filter_map(told).collect()
    }
}

impl Observer for Story {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        (self.hook.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }
}

/// Runs something once, at the nth event that a test picks (from 1).
pub(crate) fn at(
    nth: usize,
    picks: impl Fn(&Event) -> bool + Send + 'static,
    mut act: impl FnMut() + Send + 'static,
) -> Arc<Story> {
    let mut seen = 0;
    Story::new(move |event| {
        if picks(event) {
            seen += 1;
            if seen == nth {
                act();
            }
        }
    })
}

pub(crate) fn is_chunk(event: &Event) -> bool {
    matches!(event, Event::ChunkDone { .. })
}

pub(crate) fn is_phase(wanted: &'static str) -> impl Fn(&Event) -> bool + Send + 'static {
    move |event| matches!(event, Event::Phase { name } if *name == wanted)
}

/// Runs SQL in a database by its URL, blocking.
pub(crate) fn sql(url: &str, statement: &str) {
    process::run(pgfreight_fixtures::tools::psql().args(["-qXd", url, "-v", "ON_ERROR_STOP=1", "-c", statement]));
}

/// Ends the session that holds the snapshot: of those in a database the one that began first.
pub(crate) fn end_holder(url: &str) {
    sql(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'pgfreight' AND xact_start IS NOT NULL ORDER BY backend_start LIMIT 1",
    );
}

/// Our sessions in a database.
pub(crate) fn sessions(cluster: &Cluster, database: &str) -> String {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'pgfreight'"
    );
    cluster.rows("postgres", &query)[0][0].clone().unwrap()
}

/// All our sessions are gone soon.
pub(crate) fn assert_no_sessions(database: &Database<'_>) {
    let gone = process::wait_until(Duration::from_secs(20), || sessions(database.cluster(), database.name()) == "0");
    let query = format!("SELECT pid, state, query FROM pg_stat_activity WHERE datname = '{}'", database.name());
    assert!(gone, "sessions stay behind: {:?}", database.cluster().rows("postgres", &query));
}
