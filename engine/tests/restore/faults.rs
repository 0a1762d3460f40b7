//! What goes wrong on the way, and what is left afterwards.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgfreight_engine::Kind;
use pgfreight_fixtures::proxy::{Ending, Proxy};

use super::*;

/// The largest stored object.
fn largest_object(place: &Place) -> PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![place.folder.path().join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push((entry.metadata().unwrap().len(), entry.path())),
            }
        }
    }
    files.into_iter().max().unwrap().1
}

/// Ends all connections once some chunks were loaded, then twice more; tells how often it could.
async fn cut_three_times(proxy: Arc<Proxy>, client: tokio_postgres::Client) -> u32 {
    let mut cuts = 0;
    let mut loaded = 0;
    while cuts < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Ok(row) = client.query_one("SELECT count(*) FROM _pgfreight.chunk", &[]).await else {
            if cuts > 0 { return cuts } else { continue }
        };
        let now: i64 = row.get(0);
        if now > loaded {
            proxy.end_all(Ending::Reset);
            (cuts, loaded) = (cuts + 1, now + 3);
        }
    }
    cuts
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_made_again() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let cluster = target.cluster();
    let proxy = Arc::new(Proxy::start(&format!("{}:{}", cluster.host(), cluster.port())));
    let url = proxy.url(&target.url());
    let cutter = tokio::spawn(cut_three_times(Arc::clone(&proxy), target.client().await));
    let report = place.restore(&dump, &url, &jobs(2)).await.unwrap();
    assert!(cutter.await.unwrap() >= 2, "the restore was too quick to be disturbed");
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_objects_never_reach_a_table_and_end_the_run() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let path = largest_object(&place);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    let writable = |path: &PathBuf| {
        let mut permissions = std::fs::metadata(path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        std::fs::set_permissions(path, permissions).unwrap();
    };
    writable(&path);
    std::fs::write(&path, &bad).unwrap();
    let error = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Verification, "{error}");
    // Mended, the same restore continues.
    std::fs::write(&path, &good).unwrap();
    place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_named() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    std::fs::remove_file(largest_object(&place)).unwrap();
    let error = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Verification, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_roles_and_extensions_are_losses_by_name() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("source");
    let (owner, reader) = (cluster.role("owner", ""), cluster.role("reader", ""));
    source.execute(&format!(
        "CREATE EXTENSION hstore; CREATE TABLE owned (a int); INSERT INTO owned VALUES (1), (2);
         ALTER TABLE owned OWNER TO {owner}; GRANT SELECT ON owned TO {reader};
         CREATE TABLE with_hstore (h hstore); INSERT INTO with_hstore VALUES ('a=>1');",
        owner = owner.name(),
        reader = reader.name(),
    ));
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    // Another cluster: it knows neither role.
    let target = Cluster::shared(17).database("target");
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    let reasons: Vec<String> =
        report.losses.iter().map(|loss| format!("{} {}: {}", loss.class, loss.name, loss.reason)).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("OWNER public.owned: role")), "{reasons:#?}");
    assert!(reasons.iter().any(|reason| reason.contains(reader.name())), "{reasons:#?}");
    assert_eq!(target.value("SELECT count(*) FROM owned"), "2");
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_constraint_is_a_loss_or_the_end() {
    let source = Cluster::shared(18).database("source");
    source.execute(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);
         SET session_replication_role = replica; INSERT INTO child VALUES (2);",
    );
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    let [loss] = report.losses.as_slice() else { panic!("{:?}", report.losses) };
    assert_eq!((loss.class.as_str(), loss.name.as_str()), ("FK CONSTRAINT", "public.child child_id_fkey"));
    assert_eq!(target.value("SELECT count(*) FROM child"), "2");
    let target = Cluster::shared(18).database("target");
    let strict = RestoreOptions { exit_on_error: true, ..jobs(2) };
    let error = place.restore(&dump, &target.url(), &strict).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target);
    assert!(error.advice().is_some());
}
