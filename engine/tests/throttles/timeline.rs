//! The timeline: from the events alone one knows what every lane did when.

use std::collections::{BTreeMap, BTreeSet};

use pgfreight_engine::event::Event;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::Cluster;

use super::{Heard, ROWS};
use crate::place::Place;

/// Begin, end, what, name, chunk.
type Stint = (f64, f64, String, String, Option<u32>);

/// The stints of each lane in order; panics where two of one lane overlap or one ends before it begins.
fn rebuilt(heard: &Heard, seconds: f64) -> BTreeMap<u32, Vec<Stint>> {
    let mut lanes: BTreeMap<u32, Vec<Stint>> = BTreeMap::new();
    for event in heard.events() {
        if let Event::Stint { lane, what, name, chunk, begin, end } = event {
            assert!(
                0.0 <= begin && begin <= end && end <= seconds + 0.1,
                "{what} {name}: {begin} to {end} of {seconds}"
            );
            lanes.entry(lane).or_default().push((begin, end, what, name, chunk));
        }
    }
    for (lane, stints) in &mut lanes {
        stints.sort_by(|one, other| one.0.total_cmp(&other.0));
        for pair in stints.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "lane {lane} does two things at once: {pair:?}");
        }
    }
    lanes
}

fn all(lanes: &BTreeMap<u32, Vec<Stint>>, what: &str) -> BTreeSet<(String, Option<u32>)> {
    let stints = lanes.values().flatten().filter(|stint| stint.2 == what);
    stints.map(|stint| (stint.3.clone(), stint.4)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_without_overlaps_can_be_rebuilt_from_the_events() {
    let cluster = Cluster::shared(17);
    let (source, target) = (cluster.database("timeline_source"), cluster.database("timeline_target"));
    source.execute(ROWS);
    let (place, heard) = (Place::plain().await, Heard::new());
    let options = DumpOptions { jobs: 3, chunk_target: 1 << 20, ..DumpOptions::default() };
    let dumped = place.dump_as(&source.url(), &options, &heard.around()).await.expect("dumped");
    let lanes = rebuilt(&heard, dumped.seconds);
    // Three lanes copy; what they store goes on beside their next copies, on lines of its own.
    assert!(
        lanes
            .iter()
            .flat_map(|(lane, stints)| stints.iter().map(move |stint| (lane, stint)))
            .all(|(lane, stint)| { (stint.2 == "copy") == (*lane < 3) })
    );
    assert_eq!(all(&lanes, "copy").len() as u64, dumped.chunks, "every chunk once");
    assert!(
        dumped.jobs == 3 && dumped.idle_seconds >= 0.0 && dumped.idle_seconds <= 3.0 * dumped.seconds,
        "{dumped:?}"
    );

    let heard = Heard::new();
    let options = RestoreOptions { jobs: 3, ..RestoreOptions::default() };
    let restored = place.restore_as(&dumped.dump, &target.url(), &options, &heard.around()).await.expect("restored");
    let lanes = rebuilt(&heard, restored.seconds);
    assert_eq!(all(&lanes, "load").len() as u64, dumped.chunks);
    let named = |what: &str| all(&lanes, what).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(named("INDEX").len(), 2, "{lanes:?}");
    assert_eq!(named("CONSTRAINT").len(), 2, "{lanes:?}");
    assert_eq!(named("FK CONSTRAINT").len(), 1, "{lanes:?}");
    assert_eq!(named("MATERIALIZED VIEW DATA").len(), 1, "{lanes:?}");
    assert_eq!(named("check").len(), 3, "{lanes:?}");
    // An index begins when its table is complete.
    let end = |what: &str, table: &str| {
        let of = |stint: &&Stint| stint.2 == what && stint.3.contains(table);
        lanes.values().flatten().filter(of).map(|stint| stint.1).fold(0.0, f64::max)
    };
    let key =
        lanes.values().flatten().find(|stint| stint.2 == "CONSTRAINT" && stint.3.contains("big_pkey")).expect("a key");
    assert!(key.0 >= end("load", "public.big"), "{lanes:?}");
    assert_eq!(restored.jobs, 3);
}
