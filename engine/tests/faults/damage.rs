//! Stored things that are not what they were, and readers that are not who they should be.

use std::path::Path;

use pgfreight_engine::Kind;
use pgfreight_fixtures::postgres::Cluster;

use super::*;

/// Something done to one object of a dump.
type Harm = (&'static str, fn(&Path, &Path));

const HARMS: [Harm; 4] = [
    ("damaged", |object, _| {
        let mut bytes = std::fs::read(object).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(object, bytes).unwrap();
    }),
    ("truncated", |object, _| {
        let bytes = std::fs::read(object).unwrap();
        std::fs::write(object, &bytes[..bytes.len() - 7]).unwrap();
    }),
    ("missing", |object, _| std::fs::remove_file(object).unwrap()),
    ("swapped", |object, other| {
        std::fs::copy(other, object).unwrap();
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn harmed_objects_fail_every_verification_and_no_restore_commits_them() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_harm");
    big(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let objects: Vec<PathBuf> = depot.files("objects").into_iter().collect();
    assert!(objects.len() >= 5);
    let access = depot.access().await;
    for (name, harm) in HARMS {
        let sound = std::fs::read(&objects[2]).unwrap();
        harm(&objects[2], &objects[3]);
        let opened = depot.latest().await;
        let options = VerifyOptions::default();
        let stored = verify::stored(access.repository(), &opened.manifest, &options, &Surroundings::quiet()).await;
        let stored = stored.unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        assert_eq!(stored.problems.len(), 1, "{name}: {:?}", stored.problems);
        let object = objects[2].file_name().unwrap().to_str().unwrap();
        assert!(stored.problems[0].contains(object), "{name}: {:?}", stored.problems);
        assert_eq!(verify::demand(&stored).unwrap_err().kind(), Kind::Verification);
        let inside = depot.verify().await.unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        assert!(!inside.problems.is_empty(), "{name}");
        assert!(inside.problems.iter().all(|problem| problem.contains("public.")), "{name}: {:?}", inside.problems);
        let target = cluster.database("faults_harm_target");
        let error = depot.restore(&target.url()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Verification, "{name}: {}", told(&error));
        assert!(error.what().contains("public."), "{name}: {}", told(&error));
        assert!(error.advice().is_some(), "{name}: {}", told(&error));
        // Nothing of the chunk is in the table: whole chunks only, each beside its progress row.
        let rows = target.value("SELECT (SELECT count(*) FROM big) + (SELECT count(*) FROM small)");
        let rows: u64 = rows.parse().unwrap();
        assert!(rows < ROWS + 1000, "{name}");
        let chunks: u64 = target.value("SELECT count(*) FROM _pgfreight.chunk").parse().unwrap();
        assert!(chunks > 0 || rows == 0, "{name}: {rows} rows, {chunks} chunks");
        assert_no_sessions(&target);
        std::fs::write(&objects[2], sound).unwrap();
        // Mended, the same command ends well.
        depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        pgfreight_fixtures::compare::assert_equal(
            &source.url(),
            &target.url(),
            pgfreight_fixtures::compare::Scope::All,
        );
    }
    assert_eq!(depot.verify().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_after_a_loss_in_the_store_stores_it_again() {
    let source = Cluster::shared(18).database("faults_heal");
    big(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let objects: Vec<PathBuf> = depot.files("objects").into_iter().collect();
    std::fs::remove_file(&objects[1]).unwrap();
    std::fs::write(&objects[2], b"short").unwrap();
    let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(report.uploaded_bytes > 0 && report.reused_chunks > 0, "{report:?}");
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_identities_are_named() {
    let source = Cluster::shared(18).database("faults_identity");
    little(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let error = Access::open(&depot.config, &Person::new().identities(), false).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Identity, "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    let access = Access::open(&depot.config, &Identities::new(), false).await.unwrap();
    let error = access.find("latest").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Identity, "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("--identity")), "{}", told(&error));
    // What is public can be checked all the same.
    let latest = depot.latest().await.manifest.dump.clone();
    let manifest = access.manifest(&latest).await.unwrap();
    let options = VerifyOptions::default();
    let report = verify::stored(access.repository(), &manifest, &options, &Surroundings::quiet()).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_edited_by_hand_or_from_the_future_are_refused() {
    let source = Cluster::shared(18).database("faults_edited");
    little(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let manifests: Vec<PathBuf> = depot
        .files("dumps")
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "manifest"))
        .collect();
    let [manifest] = manifests.as_slice() else { panic!("{manifests:?}") };
    let sound = std::fs::read_to_string(manifest).unwrap();
    let target = source.cluster().database("faults_edited_target");
    type Edit = Box<dyn Fn(&str) -> String>;
    let edits: [(&str, Edit, Kind); 4] = [
        ("a length", Box::new(|text| text.replacen("\"length\":", "\"length\":1", 1)), Kind::Verification),
        ("spaces", Box::new(|text| text.replacen(',', ", ", 1)), Kind::Format),
        ("cut short", Box::new(|text| text[..text.len() / 2].to_owned()), Kind::Format),
        ("the future", Box::new(future), Kind::Format),
    ];
    for (name, edit, kind) in edits {
        let edited = edit(&sound);
        assert_ne!(edited, sound, "{name}");
        std::fs::write(manifest, edited).unwrap();
        let error = depot.access().await.find("latest").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {}", told(&error));
        assert!(error.advice().is_some(), "{name}: {}", told(&error));
        if name == "the future" {
            assert!(told(&error).contains("newer"), "{}", told(&error));
        }
        assert!(depot.restore(&target.url()).await.is_err());
        // A dump is not kept from its work by it.
        depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        for path in depot.files("dumps") {
            if !path.starts_with(manifest.parent().unwrap()) {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    std::fs::write(manifest, sound).unwrap();
    depot.assert_equal(&source).await;
}

/// The manifest of a format's next major version.
fn future(text: &str) -> String {
    let number = pgfreight_engine::format::CURRENT.major;
    text.replacen(&format!("\"major\":{number}"), &format!("\"major\":{}", number + 1), 1)
}
