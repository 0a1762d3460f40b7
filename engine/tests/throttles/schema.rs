//! What a large schema does to a memory limit: it is refused before it is read, with the limit that carries it.

use pgfreight_engine::Kind;
use pgfreight_engine::error::Error;
use pgfreight_engine::run::copy;
use pgfreight_engine::run::memory::Memory;
use pgfreight_engine::run::options::{CopyOptions, DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::Cluster;

use super::Heard;
use crate::place::{Place, connect};

const MIB: u64 = 1 << 20;

/// Six thousand relations: some megabytes more than every budget has room for.
const SEQUENCES: &str = "DO $$ BEGIN FOR i IN 1..6000 LOOP EXECUTE 'CREATE SEQUENCE s' || i; END LOOP; END $$";

/// A refusal that names the relations, and a hint about memory.
fn refused(error: &Error) {
    assert_eq!(error.kind(), Kind::Usage, "{error:?}");
    assert!(error.to_string().contains("6000 relations"), "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("--memory")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_beyond_the_limit_is_refused_by_every_verb_and_carried_without_one() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("large_schema"), cluster.database("large_schema_target"));
    source.execute(SEQUENCES);
    let place = Place::plain().await;
    let limited = |mib: u64| DumpOptions { jobs: 1, memory: Memory::Limit(mib * MIB), ..DumpOptions::default() };
    let error = place.dump(&source.url(), &limited(62)).await.expect_err("too large");
    refused(&error);
    // What the hint says is enough.
    let hint = error.advice().unwrap_or_default().to_owned();
    let size = hint.rsplit_once("--memory ").and_then(|(_, size)| size.strip_suffix("MiB."));
    let mib: u64 = size.and_then(|mib| mib.parse().ok()).expect("a size");
    assert!((63..256).contains(&mib), "{hint}");
    place.dump(&source.url(), &limited(mib)).await.expect("carried within the hint's limit");
    let dump = place.dump(&source.url(), &DumpOptions::default()).await.expect("carried without a limit").dump;

    let limited = RestoreOptions { jobs: 1, memory: Memory::Limit(80 * MIB), ..RestoreOptions::default() };
    refused(&place.restore(&dump, &target.url(), &limited).await.expect_err("too large"));
    let options = CopyOptions { target: limited, ..CopyOptions::default() };
    let (from, to) = (connect(&source.url()), connect(&target.url()));
    refused(&copy::copy(&from, &to, &options, &Heard::new().around()).await.expect_err("too large"));
    assert_eq!(target.value("SELECT count(*) FROM pg_sequences"), "0", "nothing was begun");
    place.restore(&dump, &target.url(), &RestoreOptions::default()).await.expect("carried without a limit");
    assert_eq!(target.value("SELECT count(*) FROM pg_sequences"), "6000");
}
