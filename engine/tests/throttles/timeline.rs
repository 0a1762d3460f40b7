//! The timeline: from the events alone one knows what every lane did when.

use std::collections::{BTreeMap, BTreeSet};

use pgfreight_engine::event::Event;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::Cluster;

use super::{Heard, ROWS};
use crate::place::Place;

/// Begin, end, what, name, chunk.
type Span = (f64, f64, String, String, Option<u32>);

/// The spans of each lane in order; panics where two of one lane overlap or one ends before it begins.
fn rebuilt(heard: &Heard, seconds: f64) -> BTreeMap<u32, Vec<Span>> {
    let mut lanes: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
    for event in heard.events() {
        if let Event::Span { lane, what, name, chunk, begin, end } = event {
            assert!(
                0.0 <= begin && begin <= end && end <= seconds + 0.1,
                "{what} {name}: {begin} to {end} of {seconds}"
            );
            lanes.entry(lane).or_default().push((begin, end, what, name, chunk));
        }
    }
    for (lane, spans) in &mut lanes {
        spans.sort_by(|one, other| one.0.total_cmp(&other.0));
        for pair in spans.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "lane {lane} does two things at once: {pair:?}");
        }
    }
    lanes
}

fn all(lanes: &BTreeMap<u32, Vec<Span>>, what: &str) -> BTreeSet<(String, Option<u32>)> {
    let spans = lanes.values().flatten().filter(|span| span.2 == what);
    spans.map(|span| (span.3.clone(), span.4)).collect()
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
    // Three lanes copy; what they store goes on beside their next copy, on lines of its own.
    assert!(lanes.keys().all(|lane| *lane < 6), "{:?}", lanes.keys());
    assert!(
        lanes
            .iter()
            .flat_map(|(lane, spans)| spans.iter().map(move |span| (lane, span)))
            .all(|(lane, span)| { (span.2 == "copy") == (*lane < 3) })
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
        let of = |span: &&Span| span.2 == what && span.3.contains(table);
        lanes.values().flatten().filter(of).map(|span| span.1).fold(0.0, f64::max)
    };
    let key =
        lanes.values().flatten().find(|span| span.2 == "CONSTRAINT" && span.3.contains("big_pkey")).expect("a key");
    assert!(key.0 >= end("load", "public.big"), "{lanes:?}");
    assert_eq!(restored.jobs, 3);
}
