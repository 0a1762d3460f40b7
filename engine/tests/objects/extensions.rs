//! Configuration tables of an extension that reference each other: their keys are there before the rows, and hold every lane
//! to them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Options};

use crate::place::Place;

/// A chain of tables whose last is the biggest, and so the first that is loaded; a tree in one table.
const SCRIPT: &str = "
    CREATE TABLE ground (id int PRIMARY KEY, shipped boolean DEFAULT false);
    CREATE TABLE floor_1 (id int PRIMARY KEY REFERENCES ground, v text);
    CREATE TABLE floor_2 (id int PRIMARY KEY REFERENCES floor_1, v text);
    CREATE TABLE floor_3 (id int PRIMARY KEY REFERENCES floor_2, v text);
    CREATE TABLE roof (id int PRIMARY KEY REFERENCES floor_3, v text);
    CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree, v text);
    INSERT INTO ground VALUES (0, true);
    SELECT pg_catalog.pg_extension_config_dump('ground', 'WHERE NOT shipped');
    SELECT pg_catalog.pg_extension_config_dump('floor_1', ''); SELECT pg_catalog.pg_extension_config_dump('floor_2', '');
    SELECT pg_catalog.pg_extension_config_dump('floor_3', ''); SELECT pg_catalog.pg_extension_config_dump('roof', '');
    SELECT pg_catalog.pg_extension_config_dump('tree', '');";

/// Each floor is ten times as heavy as the one that carries it.
const ROWS: &str = "
    INSERT INTO ground SELECT i FROM generate_series(1, 2000) i;
    INSERT INTO floor_1 SELECT i, '' FROM generate_series(1, 2000) i;
    INSERT INTO floor_2 SELECT i, repeat('x', 50) FROM generate_series(1, 2000) i;
    INSERT INTO floor_3 SELECT i, repeat('x', 300) FROM generate_series(1, 2000) i;
    INSERT INTO roof SELECT i, repeat('x', 1500) FROM generate_series(1, 2000) i;
    INSERT INTO tree SELECT i, i % 2000 + 1, repeat('x', 900) FROM generate_series(1, 2000) i;";

/// The files of the extension, where servers from 18 on look for it.
fn installed(folder: &tempfile::TempDir) -> String {
    let extension = folder.path().join("extension");
    fs::create_dir(&extension).unwrap();
    fs::write(extension.join("storeys.control"), "default_version = '1'\nrelocatable = true\n").unwrap();
    fs::write(extension.join("storeys--1.sql"), SCRIPT).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    format!("extension_control_path = '{}:$system'", folder.path().display())
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_tables_with_keys_between_them_are_loaded_in_parallel() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(18, &Options { settings: vec![installed(&folder)], ..Options::default() });
    let (source, target, place) =
        (cluster.database("storeys"), cluster.database("storeys_again"), Place::plain().await);
    source.execute("CREATE EXTENSION storeys");
    source.execute(ROWS);
    let options = DumpOptions { level: 1, jobs: 4, chunk_target: 64 << 10, ..DumpOptions::default() };
    let dump = place.dump(&source.url(), &options).await.unwrap();
    assert_eq!((dump.losses.as_slice(), dump.rows), (&[][..], 12_000));
    let options = RestoreOptions { jobs: 4, ..RestoreOptions::default() };
    let restored = place.restore(&dump.dump, &target.url(), &options).await.unwrap();
    assert_eq!((restored.losses.as_slice(), restored.rows), (&[][..], 12_000));
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}
