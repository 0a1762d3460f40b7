//! Restores on real servers: exactly once, across majors, with faults, and refused where they must be.

mod circles;
mod faults;
mod globals;
mod many;
mod needs;
mod options;
mod recoded;
mod resume;
mod two_steps;

use pgfreight_engine::connect::{ConnectArgs, ConnectOptions, Environment, resolve};
use pgfreight_engine::format::descriptor::Descriptor;
use pgfreight_engine::ids::RepositoryId;
use pgfreight_engine::keys::{ReaderBundle, RepositoryIdentity, WriterKey};
use pgfreight_engine::run::dump::dump;
use pgfreight_engine::run::opened::{self, Entries, OpenedDump, Reader};
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions, Surroundings};
use pgfreight_engine::run::report::RestoreReport;
use pgfreight_engine::run::restore::restore;
use pgfreight_engine::store::{Repository, Store, StoreConfig};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};

/// A database with one of everything a restore treats differently; big enough for several chunks in one table.
pub(crate) const SAMPLE: &str = r#"
    CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('new', 'paid', 'sent');
    CREATE DOMAIN shop.money_amount AS numeric(12,2) CHECK (VALUE >= 0);
    CREATE TABLE shop.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, born date,
        tags text[], note jsonb, shouted text GENERATED ALWAYS AS (upper(name)) STORED);
    CREATE TABLE shop.orders (id bigserial PRIMARY KEY, customer int NOT NULL REFERENCES shop.customers,
        state shop.state, amount shop.money_amount, placed timestamptz, "odd Column" text);
    CREATE INDEX ON shop.orders (customer);
    CREATE INDEX ON shop.orders (placed, state);
    CREATE TABLE shop.events (at timestamptz, what text, data bytea) PARTITION BY RANGE (at);
    CREATE TABLE shop.events_a PARTITION OF shop.events FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
    CREATE TABLE shop.events_b PARTITION OF shop.events FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
    CREATE INDEX ON shop.events (at);
    CREATE UNLOGGED TABLE shop.scratch (a int);
    CREATE TABLE shop.nothing ();
    CREATE TABLE shop.empty (a int, b xml);
    INSERT INTO shop.customers (name, born, tags, note) SELECT 'customer ' || i, date '1950-01-01' + i % 20000,
        ARRAY['a' || i % 7, NULL], jsonb_build_object('n', i) FROM generate_series(1, 5000) i;
    INSERT INTO shop.orders (customer, state, amount, placed, "odd Column")
        SELECT 1 + i % 5000, (ARRAY['new', 'paid', 'sent'])[1 + i % 3]::shop.state, i % 1000,
        timestamptz '2019-06-01' + i * interval '1 minute', CASE WHEN i % 5 > 0 THEN E'tab\t newline\n \\ ' || i END
        FROM generate_series(1, 60000) i;
    INSERT INTO shop.events SELECT timestamptz '2019-12-01' + i * interval '1 minute', 'event ' || i,
        sha256(i::text::bytea) FROM generate_series(1, 90000) i;
    INSERT INTO shop.scratch SELECT generate_series(1, 1000);
    INSERT INTO shop.nothing SELECT FROM generate_series(1, 10);
    CREATE VIEW shop.paid AS SELECT * FROM shop.orders WHERE state = 'paid';
    CREATE MATERIALIZED VIEW shop.totals AS SELECT customer, sum(amount) AS total FROM shop.orders GROUP BY customer;
    CREATE UNIQUE INDEX ON shop.totals (customer);
    CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.state := ''new''; RETURN NEW; END';
    CREATE TRIGGER noted BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.noted();
    CREATE RULE quiet AS ON DELETE TO shop.customers DO INSTEAD NOTHING;
    COMMENT ON TABLE shop.orders IS 'what customers want';
    SELECT lo_from_bytea(100000 + i, sha256(i::text::bytea)) FROM generate_series(1, 20) i;
    SELECT lo_from_bytea(200000, convert_to(repeat('0123456789', 300000), 'UTF8'));
    SELECT lo_create(200001);
"#;

/// A database with [`SAMPLE`].
pub(crate) fn sample<'a>(cluster: &'a Cluster, hint: &str) -> Database<'a> {
    let database = cluster.database(hint);
    database.execute(SAMPLE);
    database
}

/// A repository in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    bundle: ReaderBundle,
    repository: Repository,
    writer: WriterKey,
    reader: Reader,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::new(folder.path().to_str().unwrap())).await.unwrap();
        let identity = RepositoryIdentity::generate();
        let id = RepositoryId::new([7; 16]);
        // Keys from no randomness protect nothing, which is fine here.
        let writer = WriterKey::generate(id.clone(), Some(identity.recipient()), &mut |bytes| bytes.fill(9));
        let repository =
            Repository::init(store, Descriptor::new(id.clone(), Some(identity.recipient()))).await.unwrap();
        let bundle = ReaderBundle { repository: id, identity, writers: vec![writer.id()] };
        let reader = Reader::Bundle(Box::new(bundle.clone()));
        Self { folder, bundle, repository, writer, reader }
    }

    /// Dumps in small chunks, so that there are many.
    async fn dump(&self, source: &str) -> OpenedDump {
        let options = DumpOptions { jobs: 2, chunk_target: 512 << 10, level: 1, ..DumpOptions::default() };
        self.dump_as(source, &options).await.unwrap()
    }

    async fn dump_as(&self, source: &str, options: &DumpOptions) -> pgfreight_engine::Result<OpenedDump> {
        let report = dump(&self.repository, &self.writer, &connect(source), options, &Surroundings::quiet()).await?;
        assert!(report.losses.is_empty(), "{:?}", report.losses);
        Ok(self.open(&report.dump).await)
    }

    async fn open(&self, dump: &pgfreight_engine::ids::DumpId) -> OpenedDump {
        opened::open(&self.repository, &self.reader, dump, (false, Entries::Kept)).await.unwrap()
    }

    async fn restore(
        &self,
        dump: &OpenedDump,
        target: &str,
        options: &RestoreOptions,
    ) -> pgfreight_engine::Result<RestoreReport> {
        restore(&self.repository, dump, &connect(target), options, &Surroundings::quiet()).await
    }
}

pub(crate) fn connect(url: &str) -> ConnectOptions {
    resolve(&ConnectArgs { dbname: Some(url.to_owned()), ..ConnectArgs::default() }, &Environment::default()).unwrap()
}

fn jobs(jobs: usize) -> RestoreOptions {
    RestoreOptions { jobs, ..RestoreOptions::default() }
}

/// Nothing of ours is left in the target.
pub(crate) fn assert_clean(database: &Database<'_>) {
    let left = database.value("SELECT count(*) FROM pg_namespace WHERE nspname = '_pgfreight'");
    assert_eq!(left, "0", "the progress schema was left behind");
}

async fn round_trip(from: u32, to: u32, scope: Scope) -> RestoreReport {
    let source = sample(Cluster::shared(from), "source");
    let target = Cluster::shared(to).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let report = place.restore(&dump, &target.url(), &jobs(3)).await.unwrap();
    compare::assert_equal(&source.url(), &target.url(), scope);
    assert_clean(&target);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_equals_its_source() {
    let report = round_trip(18, 18, Scope::All).await;
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    assert!(report.proved_tables == 8, "{report:?}");
    assert_eq!(report.resumed_chunks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_14_to_18() {
    let report = round_trip(14, 18, Scope::Data).await;
    assert!(report.losses.is_empty(), "{:?}", report.losses);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_18_to_15() {
    let report = round_trip(18, 15, Scope::Data).await;
    assert!(report.losses.is_empty(), "{:?}", report.losses);
}
