//! Polite dumps: a real standby that falls behind, real sessions that work, and a role that may not look.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgfreight_engine::event::Event;
use pgfreight_engine::run::options::{DumpOptions, Polite};
use pgfreight_fixtures::postgres::{Cluster, Database, Options};

use super::Heard;
use crate::place::Place;

/// Some twenty megabytes, which at the limit below take a dump at least twelve seconds.
const ROWS: &str =
    "CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 8) AS word FROM generate_series(1, 80000) i";

fn slow(polite: Polite) -> DumpOptions {
    DumpOptions {
        jobs: 4,
        chunk_target: 1 << 20,
        rate_limit: Some(1_600_000),
        polite: Some(polite),
        ..DumpOptions::default()
    }
}

/// Lanes, pause and reason of each change.
fn changes(heard: &Heard) -> Vec<(u32, f64, String)> {
    let change = |event| match event {
        Event::Polite { lanes, pause, reason } => Some((lanes, pause, reason)),
        _ => None,
    };
    heard.events().into_iter().filter_map(change).collect()
}

/// Calls something off when dropped, or when asked.
struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Background {
    fn repeat(mut work: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                work();
            }
        });
        Self { stop, thread: Some(thread) }
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

fn psql(database: &Database<'_>, sql: &str) -> std::process::Command {
    let mut psql = database.program("psql");
    psql.args(["-Xqc", sql]).stdout(std::process::Stdio::null());
    psql
}

/// Replay stands still on a standby while the primary writes: the dump of the primary gives way, and comes back when the standby
/// has caught up.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_falls_behind_makes_the_dump_give_way() {
    let primary = Cluster::start(16, &Options::default());
    let source = primary.database("polite_primary");
    source.execute(ROWS);
    source.execute("CREATE TABLE noise (i int)");
    let standby = primary.standby();
    let streams = || primary.rows("postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
    while streams()[0][0].as_deref() != Some("1") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut insert = psql(&source, "INSERT INTO noise SELECT generate_series(1, 100)");
    let mut writer = Background::repeat(move || {
        assert!(insert.status().expect("psql runs").success());
        std::thread::sleep(Duration::from_millis(100));
    });
    // Lag is told only once something was replayed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    standby.execute("SELECT pg_wal_replay_pause()");
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Back to work as soon as the dump has given way twice.
    let seen = Mutex::new(0);
    let resume = Arc::new(AtomicBool::new(false));
    let resumed = Arc::clone(&resume);
    let heard = Heard::reacting(move |event| {
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if matches!(event, Event::Polite { .. }) {
            *seen += 1;
            resumed.store(*seen >= 2, Ordering::Relaxed);
        }
    });
    let place = Place::plain().await;
    let polite = Polite { max_lag: Duration::from_secs(1), max_active: Some(1000) };
    let options = DumpOptions { filters: only_big(), ..slow(polite) };
    let (url, around) = (source.url(), heard.around());
    let dump = place.dump_as(&url, &options, &around);
    let catch_up = async {
        while !resume.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        writer.stop();
        standby.execute("SELECT pg_wal_replay_resume()");
    };
    let both = async { tokio::join!(dump, catch_up).0 };
    let dumped = tokio::time::timeout(Duration::from_secs(120), both).await.expect("it gave way").expect("dumped");
    let changes = changes(&heard);
    assert!(changes[0].0 == 2 && changes[0].2.starts_with("replication lag is"), "{changes:?}");
    assert!(changes[1].0 == 1, "{changes:?}");
    assert!(changes.iter().any(|(lanes, _, reason)| *lanes > 1 && reason == "the source is calm"), "{changes:?}");
    assert_eq!(place.differences(&dumped.dump, &source.url()).await, Vec::<String>::new());
    drop(source);
}

/// A dump of the standby itself: what it has received and not replayed is its lag, and an idle primary is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_standby_gives_way_when_replay_falls_behind_and_not_when_nothing_happens() {
    let primary = Cluster::start(18, &Options::default());
    let source = primary.database("polite_standby");
    source.execute(ROWS);
    source.execute("CREATE TABLE noise (i int)");
    let standby = primary.standby();
    let url = standby.url(source.name());
    // Nothing happens for longer than the limit.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let place = Place::plain().await;
    let polite = Polite { max_lag: Duration::from_secs(2), max_active: Some(1000) };
    let heard = Heard::new();
    let quick = DumpOptions { rate_limit: Some(4_000_000), ..slow(polite) };
    place.dump_as(&url, &quick, &heard.around()).await.expect("dumped");
    assert!(changes(&heard).is_empty(), "idle is not behind: {:?}", changes(&heard));

    standby.execute("SELECT pg_wal_replay_pause()");
    source.execute("INSERT INTO noise SELECT generate_series(1, 10000)");
    let resume = standby.url("postgres");
    let heard = Heard::reacting(move |event| {
        if matches!(event, Event::Polite { lanes: 2, .. }) {
            let arguments = ["-Xqc", "SELECT pg_wal_replay_resume()", "-d", &resume];
            pgfreight_fixtures::process::run(pgfreight_fixtures::tools::psql().args(arguments));
        }
    });
    place.dump_as(&url, &slow(polite), &heard.around()).await.expect("dumped");
    let changes = changes(&heard);
    assert!(changes.first().is_some_and(|(lanes, _, reason)| *lanes == 2 && reason.contains("lag")), "{changes:?}");
    assert!(changes.iter().any(|(_, _, reason)| reason == "the source is calm"), "{changes:?}");
    drop(source);
}

/// Sessions that work make the dump give way; our own, and those that wait for a lock, do not.
#[tokio::test(flavor = "multi_thread")]
async fn busy_sessions_make_the_dump_give_way_and_its_own_do_not() {
    let cluster = Cluster::start(17, &Options::default());
    let source = cluster.database("polite_busy");
    source.execute(ROWS);
    source.execute("CREATE TABLE held (i int)");
    let place = Place::plain().await;
    let polite = Polite { max_lag: Duration::from_secs(60), max_active: Some(2) };
    // Two that work, and three that wait for one of them: within the limit.
    let holder = source.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE held").await.expect("locked");
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(psql(&source, "BEGIN; LOCK TABLE held; ROLLBACK").spawn().expect("psql runs"));
    }
    let heard = Heard::new();
    let quick = DumpOptions { rate_limit: Some(4_000_000), ..slow(polite) };
    let without = DumpOptions { filters: only_big(), ..quick };
    place.dump_as(&source.url(), &without, &heard.around()).await.expect("dumped");
    assert!(changes(&heard).is_empty(), "{:?}", changes(&heard));
    holder.batch_execute("ROLLBACK").await.expect("let go");
    for mut session in waiting {
        assert!(session.wait().expect("psql ends").success());
    }

    let mut busy: Vec<_> = (0..4).map(|_| psql(&source, "SELECT pg_sleep(6)").spawn().expect("psql runs")).collect();
    let (heard, clock) = (Heard::new(), Instant::now());
    let dumped = place.dump_as(&source.url(), &slow(polite), &heard.around()).await.expect("dumped");
    let changes = changes(&heard);
    assert!(
        changes.first().is_some_and(|(lanes, _, reason)| *lanes == 2 && reason.contains("4 other backends")),
        "{changes:?}"
    );
    assert!(
        changes.iter().any(|(_, _, reason)| reason == "the source is calm"),
        "after {:?}: {changes:?}",
        clock.elapsed()
    );
    assert_eq!(place.differences(&dumped.dump, &source.url()).await, Vec::<String>::new());
    busy.iter_mut().for_each(|session| assert!(session.wait().expect("psql ends").success()));
}

fn only_big() -> pgfreight_engine::plan::select::Filters {
    pgfreight_engine::plan::select::Filters { tables: vec!["big".to_owned()], ..Default::default() }
}

/// Whoever waits for the dump's own lock is not served by slowness: all lanes run again.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_wait_for_the_dump_make_it_hurry() {
    let cluster = Cluster::start(18, &Options::default());
    let source = cluster.database("polite_waiting");
    source.execute(ROWS);
    let busy: Vec<_> = (0..3).map(|_| psql(&source, "SELECT pg_sleep(60)").spawn().expect("psql runs")).collect();
    let (url, ddl) = (source.url(), Mutex::new(None));
    let heard = Heard::reacting(move |event| {
        if matches!(event, Event::Polite { lanes: 1, .. }) {
            let mut ddl = ddl.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let alter = ["-Xqc", "ALTER TABLE big ADD later int", "-d", &url];
            ddl.get_or_insert_with(|| pgfreight_fixtures::tools::psql().args(alter).spawn().expect("psql runs"));
        }
    });
    let place = Place::plain().await;
    let polite = Polite { max_lag: Duration::from_secs(60), max_active: Some(0) };
    place.dump_as(&source.url(), &slow(polite), &heard.around()).await.expect("dumped");
    let changes = changes(&heard);
    let hurried =
        changes.iter().any(|(lanes, pause, reason)| *lanes == 4 && *pause == 0.0 && reason.contains("wait for locks"));
    assert!(hurried, "{changes:?}");
    drop(source);
    for mut session in busy {
        let _ = session.kill();
        let _ = session.wait();
    }
}

/// A role that may not see what others do is told so once, and the dump goes on as fast as ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_look_is_told_what_it_needs() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("polite_blind");
    source.execute(ROWS);
    let role = cluster.role("polite_blind", "LOGIN");
    source.execute(&format!("GRANT SELECT ON big TO \"{}\"", role.name()));
    let mut busy: Vec<_> = (0..3).map(|_| psql(&source, "SELECT pg_sleep(5)").spawn().expect("psql runs")).collect();
    let (place, heard) = (Place::plain().await, Heard::new());
    let options = slow(Polite { max_lag: Duration::from_secs(60), max_active: Some(0) });
    let options = DumpOptions { rate_limit: Some(6_000_000), ..options };
    place.dump_as(&cluster.url_for(role.name(), None, source.name()), &options, &heard.around()).await.expect("dumped");
    let blind: Vec<String> = heard.warnings().into_iter().filter(|text| text.contains("pg_monitor")).collect();
    assert_eq!(blind.len(), 1, "{:?}", heard.warnings());
    assert!(changes(&heard).is_empty(), "{:?}", changes(&heard));
    busy.iter_mut().for_each(|session| assert!(session.wait().expect("psql ends").success()));
}
