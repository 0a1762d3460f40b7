//! `-j auto` on real servers.

use pgfreight_engine::event::Event;
use pgfreight_engine::run::memory::Memory;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions, VerifyOptions};
use pgfreight_engine::run::verify;
use pgfreight_engine::source::lane::LaneOptions;
use pgfreight_fixtures::postgres::Cluster;

use super::{Heard, ROWS};
use crate::place::{Place, connect};

fn told(heard: &Heard) -> Vec<(u32, String)> {
    let text = |event| if let Event::Jobs { jobs, reason } = event { Some((jobs, reason)) } else { None };
    heard.events().into_iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_chosen_and_told_by_every_verb() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("auto_source"), cluster.database("auto_target"));
    source.execute(ROWS);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    let place = Place::plain().await;
    let heard = Heard::new();
    let options = DumpOptions { jobs: 16, auto_jobs: true, chunk_target: 256 << 10, ..DumpOptions::default() };
    let dumped = place.dump_as(&source.url(), &options, &heard.around()).await.expect("dumped");
    // The server is beside us: lanes as cores, unless there is less to do.
    let expected = cores.min(dumped.chunks as u32).min(16);
    assert_eq!(told(&heard).iter().map(|(jobs, _)| *jobs).collect::<Vec<_>>(), [expected], "{:?}", told(&heard));
    assert_eq!(dumped.jobs, expected);

    let heard = Heard::new();
    let options = RestoreOptions { jobs: 16, auto_jobs: true, ..RestoreOptions::default() };
    let restored = place.restore_as(&dumped.dump, &target.url(), &options, &heard.around()).await.expect("restored");
    assert_eq!((restored.jobs, told(&heard).len()), (cores.min(16), 1), "{:?}", told(&heard));
    assert!(told(&heard)[0].1.contains("shares this machine"), "{:?}", told(&heard));

    let heard = Heard::new();
    let options = VerifyOptions { jobs: 16, auto_jobs: true, ..VerifyOptions::default() };
    let (dump, lane) = (place.open(&dumped.dump).await, connect(&target.url()));
    let lane = LaneOptions { connect: lane, role: None, row_security: false };
    let report = verify::database(&dump, &lane, &options, &heard.around()).await.expect("verified");
    assert!(report.problems.is_empty() && told(&heard).len() == 1, "{report:?}");
}

/// A role with few connections left gets half of them, memory bounds the lanes, and one chunk needs one lane.
#[tokio::test(flavor = "multi_thread")]
async fn connections_memory_and_work_bound_the_choice() {
    let cluster = Cluster::shared(16);
    let source = cluster.database("auto_bounds");
    source.execute(ROWS);
    let place = Place::plain().await;
    let chosen = async |url: &str, options: DumpOptions| {
        let heard = Heard::new();
        place.dump_as(url, &options, &heard.around()).await.unwrap_or_else(|error| panic!("{error:?}"));
        told(&heard).swap_remove(0)
    };
    let auto = DumpOptions { jobs: 16, auto_jobs: true, chunk_target: 256 << 10, ..DumpOptions::default() };
    // The holder has one of these four, and the catalog's reader another until it is gone; of three or two, one is taken.
    let role = cluster.role("auto_few", "LOGIN CONNECTION LIMIT 4");
    source.execute(&format!("GRANT pg_read_all_data TO \"{}\"", role.name()));
    let (jobs, reason) = chosen(&cluster.url_for(role.name(), None, source.name()), auto.clone()).await;
    assert!(jobs == 1 && reason.starts_with("connections"), "{jobs}: {reason}");
    let (jobs, reason) = chosen(&source.url(), DumpOptions { memory: Memory::Limit(62 << 20), ..auto.clone() }).await;
    assert!(jobs == 1 && reason.contains("memory"), "{jobs}: {reason}");
    source.execute("DROP TABLE big CASCADE; DROP TABLE other");
    let (jobs, reason) = chosen(&source.url(), auto).await;
    assert!(jobs == 1 && reason.starts_with("pieces"), "{jobs}: {reason}");
}
