//! Lanes that would wait read rows back instead, and what they find counts.

use std::sync::atomic::{AtomicBool, Ordering};

use pgfreight_engine::Kind;
use pgfreight_engine::event::Event;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::Cluster;
use pgfreight_fixtures::{process, tools};

use super::Heard;
use crate::place::Place;

/// The largest table has an index that takes seconds to build; the other is loaded meanwhile. Rows do not compress.
const SLOW: &str = "CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.1); RETURN $1; END';
    CREATE TABLE big AS SELECT i AS id, (SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, 4000) j) AS word
        FROM generate_series(1, 40) i;
    CREATE INDEX slow ON big (slowly(id));
    CREATE TABLE other AS SELECT i AS id, md5(i::text) || md5((-i)::text) AS word FROM generate_series(1, 40000) i";

/// Who reads `other` back: a lane that had nothing to do, or the check.
fn readers(heard: &Heard) -> Vec<u32> {
    let reader = |event| match event {
        Event::Stint { lane, what, name, .. } if what == "check" && name == "public.other" => Some(lane),
        _ => None,
    };
    heard.events().into_iter().filter_map(reader).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_without_work_reads_rows_back() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("filling_source"), cluster.database("filling_target"));
    source.execute(SLOW);
    let (place, heard) = (Place::plain().await, Heard::new());
    let dumped = place.dump(&source.url(), &DumpOptions::default()).await.expect("dumped");
    let options = RestoreOptions { jobs: 2, ..RestoreOptions::default() };
    let restored = place.restore_as(&dumped.dump, &target.url(), &options, &heard.around()).await.expect("restored");
    assert_eq!(restored.proved_tables, 2);
    let readers = readers(&heard);
    assert!(!readers.is_empty() && readers.iter().all(|lane| *lane < 2), "read while the index was built: {readers:?}");
    assert_eq!(place.differences(&dumped.dump, &target.url()).await, Vec::<String>::new());
}

/// Somebody changes a row as soon as its table is complete: the lane that reads it back finds it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lane_finds_while_it_would_wait_ends_the_restore() {
    let cluster = Cluster::shared(16);
    let (source, target) = (cluster.database("filling_changed"), cluster.database("filling_changed_target"));
    source.execute(SLOW);
    let place = Place::plain().await;
    let dumped = place.dump(&source.url(), &DumpOptions::default()).await.expect("dumped");
    let (url, changed) = (target.url(), AtomicBool::new(false));
    let heard = Heard::reacting(move |event| {
        let is_other = matches!(event, Event::TableDone { table, .. } if table == "public.other");
        if is_other && !changed.swap(true, Ordering::Relaxed) {
            process::run(tools::psql().args(["-Xqc", "UPDATE other SET word = 'changed' WHERE id = 7", "-d", &url]));
        }
    });
    let options = RestoreOptions { jobs: 2, ..RestoreOptions::default() };
    let error = place.restore_as(&dumped.dump, &target.url(), &options, &heard.around()).await.expect_err("refused");
    assert_eq!(error.kind(), Kind::Verification, "{error:?}");
    assert!(error.what().contains("public.other"), "{error:?}");
    assert!(readers(&heard).iter().all(|lane| *lane < 2), "{:?}", readers(&heard));
}

/// A table that cannot be read while a lane waits is read by the check.
#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_could_not_be_read_is_read_again() {
    let cluster = Cluster::shared(17);
    let (source, target) = (cluster.database("filling_cut"), cluster.database("filling_cut_target"));
    source.execute(SLOW);
    let place = Place::plain().await;
    let dumped = place.dump(&source.url(), &DumpOptions::default()).await.expect("dumped");
    let (url, cut) = (target.url(), AtomicBool::new(false));
    // The lane that is about to read loses its connection; the one that builds the index does not.
    let heard = Heard::reacting(move |event| {
        let is_other = matches!(event, Event::TableDone { table, .. } if table == "public.other");
        if is_other && !cut.swap(true, Ordering::Relaxed) {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                       AND pid <> pg_backend_pid() AND state <> 'active' AND query ~ 'COMMIT'";
            process::run(tools::psql().args(["-Xqc", sql, "-d", &url]));
        }
    });
    let options = RestoreOptions { jobs: 2, ..RestoreOptions::default() };
    let restored = place.restore_as(&dumped.dump, &target.url(), &options, &heard.around()).await.expect("restored");
    assert_eq!(restored.proved_tables, 2);
    assert!(readers(&heard).len() > 1, "once in vain: {:?}", readers(&heard));
}
