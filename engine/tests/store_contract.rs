//! What the repository asks of a store, run against memory, a folder, and an S3 server over HTTP.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use pgfreight_engine::Kind;
use pgfreight_engine::format::descriptor::Descriptor;
use pgfreight_engine::format::journal::JournalRecord;
use pgfreight_engine::format::manifest::{Acceptance, Manifest, Piece, StoredChunk, StoredContents};
use pgfreight_engine::format::{CURRENT, capabilities, layout};
use pgfreight_engine::ids::{ContentId, Digest, DumpId, RepositoryId};
use pgfreight_engine::keys::{RepositoryIdentity, WriterKey};
use pgfreight_engine::limits;
use pgfreight_engine::store::{ObjectProblem, Pin, Repository, Store, StoreConfig};
use pgfreight_fixtures::s3::Server;

/// A store, and what has to live as long as it.
pub struct Place {
    pub store: Store,
    _folder: Option<tempfile::TempDir>,
    _server: Option<Server>,
}

/// A repository of its own and the key that writes to it.
pub struct Bench {
    pub repository: Repository,
    pub writer: WriterKey,
    pub identity: RepositoryIdentity,
}

pub fn s3_config(server: &Server, endpoint: &str) -> StoreConfig {
    let mut config = StoreConfig::new(server.url());
    config.environment = server.env_through(endpoint);
    config
}

async fn memory() -> Place {
    Place { store: Store::memory(), _folder: None, _server: None }
}

async fn folder() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a folder with spaces, ä and #1");
    let store = Store::create(&StoreConfig::new(path.to_str().unwrap())).await.unwrap();
    Place { store, _folder: Some(folder), _server: None }
}

async fn s3() -> Place {
    let server = Server::start();
    let mut config = s3_config(&server, server.endpoint());
    config.url = format!("{}/nested/prefix", config.url);
    let store = Store::open(&config).await.unwrap();
    Place { store, _folder: None, _server: Some(server) }
}

/// Bytes that do not compress and differ by `seed`.
pub fn noise(len: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

pub fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// A key whose randomness is the same every time, except that `seed` varies it.
pub fn writer_key(repository: &RepositoryId, recipient: Option<String>, seed: u8) -> WriterKey {
    WriterKey::generate(repository.clone(), recipient, &mut |bytes| bytes.fill(seed))
}

pub async fn bench(store: &Store) -> Bench {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let id = RepositoryId::new([NEXT.fetch_add(1, Ordering::Relaxed); 16]);
    let identity = RepositoryIdentity::generate();
    let descriptor = Descriptor::new(id.clone(), Some(identity.recipient()));
    let repository = Repository::init(store.clone(), descriptor).await.unwrap();
    let writer = writer_key(&id, Some(identity.recipient()), 1);
    Bench { repository, writer, identity }
}

pub fn dump_id(n: u8) -> DumpId {
    DumpId::new(DateTime::UNIX_EPOCH + TimeDelta::days(i64::from(n)), [n; 4])
}

/// A chunk that is one whole object.
pub fn whole_chunk(bytes: &[u8]) -> StoredChunk {
    let object = digest(bytes);
    let length = bytes.len() as u64;
    let piece = Piece { object, object_length: length, offset: 0, length, digest: object };
    StoredChunk { id: ContentId(object.0), sealed: object, pieces: vec![piece] }
}

pub fn manifest(bench: &Bench, dump: DumpId, chunks: Vec<StoredChunk>, contents: StoredContents) -> Manifest {
    Manifest {
        format: CURRENT,
        capabilities: capabilities(true),
        repository: bench.repository.descriptor().repository.clone(),
        dump,
        writer: bench.writer.id(),
        tool: "test".into(),
        started: DateTime::UNIX_EPOCH,
        finished: DateTime::UNIX_EPOCH,
        encrypted: true,
        chunks,
        contents,
        grids: Default::default(),
    }
}

/// Commits a dump of one chunk.
pub async fn commit(bench: &Bench, n: u8) -> Manifest {
    let bytes = noise(5_000, u64::from(n));
    bench.repository.put_piece(bytes.clone()).await.unwrap();
    let contents = bench.repository.put_contents(&dump_id(n), noise(700, 1_000 + u64::from(n))).await.unwrap();
    let manifest = manifest(bench, dump_id(n), vec![whole_chunk(&bytes)], contents);
    bench.repository.commit(&manifest, &bench.writer).await.unwrap();
    manifest
}

pub async fn read(repository: &Repository, object: Digest, range: Range<u64>) -> pgfreight_engine::Result<Vec<u8>> {
    let blocks: Vec<Bytes> = repository.read_object(object, range).try_collect().await?;
    Ok(blocks.concat())
}

/// One test per clause and store.
macro_rules! contract {
    ($($clause:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $clause() {
                let place = super::memory().await;
                super::$clause(&place.store).await;
            })*
        }
        mod on_folder {
            $(#[tokio::test]
            async fn $clause() {
                let place = super::folder().await;
                super::$clause(&place.store).await;
            })*
        }
        mod on_s3 {
            $(#[tokio::test]
            async fn $clause() {
                let place = super::s3().await;
                super::$clause(&place.store).await;
            })*
        }
    };
}

contract! {
    probe_finds_a_fit_store,
    init_once_then_open_with_pins,
    pieces_of_every_size_come_back_in_every_range,
    a_piece_is_stored_once,
    missing_and_shortened_objects_are_told_apart,
    a_manifest_is_committed_once,
    only_committed_dumps_are_listed,
    contents_are_checked_against_the_manifest,
    journals_come_back_in_order_and_go,
    more_than_a_page_is_listed,
    garbage_is_what_nothing_names,
}

async fn probe_finds_a_fit_store(store: &Store) {
    let probe = store.probe([7; 8]).await.unwrap();
    assert!(probe.refuses_second_create && probe.reads_back && probe.lists && probe.deletes, "{probe:?}");
}

async fn init_once_then_open_with_pins(store: &Store) {
    let error = Repository::open(store.clone(), Pin::Any).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.what().contains("is not a repository"), "{error}");
    let bench = bench(store).await;
    let again = Repository::init(store.clone(), bench.repository.descriptor().clone()).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Usage);
    Repository::open(store.clone(), Pin::Writer(&bench.writer)).await.unwrap();
    Repository::open(store.clone(), Pin::Recipient(&bench.identity.recipient())).await.unwrap();
    let stranger = writer_key(&RepositoryId::new([0xee; 16]), Some(bench.identity.recipient()), 1);
    let id = &bench.repository.descriptor().repository;
    let other_recipient = writer_key(id, Some(RepositoryIdentity::generate().recipient()), 1);
    for pin in [Pin::Writer(&stranger), Pin::Writer(&other_recipient), Pin::Recipient("age1other")] {
        assert_eq!(Repository::open(store.clone(), pin).await.unwrap_err().kind(), Kind::Identity);
    }
}

async fn pieces_of_every_size_come_back_in_every_range(store: &Store) {
    let repository = bench(store).await.repository;
    let part = limits::PART_SIZE as usize;
    for (seed, len) in [1, 100_000, part - 1, part, part + 1, 2 * part, 2 * part + 12_345].into_iter().enumerate() {
        let bytes = noise(len, seed as u64);
        let stored = repository.put_piece(bytes.clone()).await.unwrap();
        assert_eq!((stored.digest, stored.length, stored.existed), (digest(&bytes), len as u64, false));
        let (end, middle) = (len as u64, len as u64 / 2);
        let ranges = [0..end, 0..1, end - 1..end, middle..end, middle..middle];
        for range in ranges {
            let expected = &bytes[range.start as usize..range.end as usize];
            let found = read(&repository, stored.digest, range.clone()).await.unwrap();
            assert!(found == expected, "{len} bytes, range {range:?}");
        }
    }
    for len in [0, limits::PIECE_MAX as usize + 1] {
        assert_eq!(repository.put_piece(vec![0; len].into()).await.unwrap_err().kind(), Kind::Bug);
    }
}

async fn a_piece_is_stored_once(store: &Store) {
    let repository = bench(store).await.repository;
    for len in [1_000, limits::PART_SIZE as usize + 1_000] {
        let bytes = noise(len, 1);
        assert!(!repository.put_piece(bytes.clone()).await.unwrap().existed);
        assert!(repository.put_piece(bytes.clone()).await.unwrap().existed);
        // The same piece from two lanes at once.
        let other = noise(len, 2);
        let both = tokio::join!(repository.put_piece(other.clone()), repository.put_piece(other.clone()));
        both.0.unwrap();
        both.1.unwrap();
        assert_eq!(read(&repository, digest(&other), 0..len as u64).await.unwrap(), other);
    }
}

async fn missing_and_shortened_objects_are_told_apart(store: &Store) {
    let repository = bench(store).await.repository;
    let bytes = noise(10_000, 3);
    let object = repository.put_piece(bytes).await.unwrap().digest;
    let nowhere = Digest([3; 32]);
    let error = read(&repository, nowhere, 0..10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Verification);
    assert!(error.what().contains("is missing"), "{error}");
    for range in [0..10_001, 9_999..20_000, 10_000..10_001, 50_000..60_000] {
        let error = read(&repository, object, range.clone()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Verification, "{range:?}: {error:?}");
        assert!(error.what().contains("it ends at byte 10000"), "{range:?}: {error}");
    }
    let problems = repository.check_objects(&[(object, 10_000), (nowhere, 5), (object, 10_000)]).await.unwrap();
    assert_eq!(problems, [ObjectProblem::Missing { object: nowhere }]);
    let problems = repository.check_objects(&[(object, 9_999)]).await.unwrap();
    assert_eq!(problems, [ObjectProblem::Length { object, expected: 9_999, found: 10_000 }]);
}

async fn a_manifest_is_committed_once(store: &Store) {
    let bench = bench(store).await;
    let manifest = commit(&bench, 1).await;
    // The same bytes once more are the same commit: an answer that got lost does no harm.
    bench.repository.commit(&manifest, &bench.writer).await.unwrap();
    let mut other = manifest.clone();
    other.tool = "another".into();
    let error = bench.repository.commit(&other, &bench.writer).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.what().contains("already there"), "{error}");
    let known = [bench.writer.id()];
    let read = bench.repository.read_manifest(&manifest.dump, Some(&known)).await.unwrap();
    assert_eq!(read.accept(Acceptance::Known).unwrap().into_inner(), manifest);
}

async fn only_committed_dumps_are_listed(store: &Store) {
    let bench = bench(store).await;
    assert_eq!(bench.repository.list_dumps().await.unwrap(), []);
    for n in [3, 1, 2] {
        commit(&bench, n).await;
    }
    bench.repository.put_contents(&dump_id(4), noise(100, 4)).await.unwrap();
    assert_eq!(bench.repository.list_dumps().await.unwrap(), [dump_id(1), dump_id(2), dump_id(3)]);
    let error = bench.repository.read_manifest(&dump_id(4), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

async fn contents_are_checked_against_the_manifest(store: &Store) {
    let bench = bench(store).await;
    let manifest = commit(&bench, 1).await;
    let accepted = |read: pgfreight_engine::format::manifest::ReadManifest| read.accept(Acceptance::Anything).unwrap();
    let good = accepted(bench.repository.read_manifest(&manifest.dump, None).await.unwrap());
    assert_eq!(bench.repository.read_contents(&good).await.unwrap(), noise(700, 1_001));
    let contents = bench.repository.put_contents(&dump_id(2), noise(700, 5)).await.unwrap();
    bench.repository.put_contents(&dump_id(3), noise(700, 6)).await.unwrap();
    // Dump 2 with a wrong digest, dump 3 said to be longer, dump 4 without contents.
    for (n, length, digest) in [(2, 700, Digest([0; 32])), (3, 701, contents.digest), (4, 700, contents.digest)] {
        let wrong = super::store_contract::manifest(&bench, dump_id(n), vec![], StoredContents { length, digest });
        bench.repository.commit(&wrong, &bench.writer).await.unwrap();
        let read = accepted(bench.repository.read_manifest(&dump_id(n), None).await.unwrap());
        let error = bench.repository.read_contents(&read).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Verification, "dump {n}: {error:?}");
    }
}

fn record(bench: &Bench, dump: &DumpId, number: u32) -> JournalRecord {
    JournalRecord {
        format: CURRENT,
        capabilities: capabilities(true),
        repository: bench.repository.descriptor().repository.clone(),
        dump: dump.clone(),
        number,
        writer: bench.writer.id(),
        written: DateTime::UNIX_EPOCH,
        chunks: vec![whole_chunk(&noise(10, u64::from(number)))],
    }
}

async fn journals_come_back_in_order_and_go(store: &Store) {
    let bench = bench(store).await;
    let id = bench.writer.id();
    assert!(bench.repository.read_journals(id).await.unwrap().is_empty());
    for (dump, number) in [(2, 0), (1, 1), (1, 0), (1, 2)] {
        bench.repository.write_journal(&record(&bench, &dump_id(dump), number), &bench.writer).await.unwrap();
    }
    let runs = bench.repository.read_journals(id).await.unwrap();
    let shape: Vec<_> = runs.iter().map(|run| (run.dump.clone(), run.records.len(), run.refused.len())).collect();
    assert_eq!(shape, [(dump_id(1), 3, 0), (dump_id(2), 1, 0)]);
    assert_eq!(runs[0].records[2], record(&bench, &dump_id(1), 2));
    let stranger = writer_key(bench.writer.repository(), None, 5).id();
    let runs = bench.repository.read_journals(stranger).await.unwrap();
    assert!(runs.iter().all(|run| run.records.is_empty()) && runs[0].refused.len() == 3);
    // One more than there are: somebody else may have removed it.
    let first = dump_id(1);
    bench.repository.delete_records((0..4).map(|number| (&first, number))).await.unwrap();
    let runs = bench.repository.read_journals(id).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.dump.clone()).collect::<Vec<_>>(), [dump_id(2)]);
}

async fn more_than_a_page_is_listed(store: &Store) {
    let repository = bench(store).await.repository;
    // More than two pages of 1,000, and more than are looked up one by one.
    let mut objects = Vec::new();
    for seed in 0..2_050 {
        let bytes = noise(20, seed);
        objects.push((repository.put_piece(bytes).await.unwrap().digest, 20));
    }
    assert_eq!(repository.check_objects(&objects).await.unwrap(), []);
    let gone = Digest([0x77; 32]);
    objects[1_024].1 = 21;
    objects.push((gone, 1));
    let problems = repository.check_objects(&objects).await.unwrap();
    let wrong = ObjectProblem::Length { object: objects[1_024].0, expected: 21, found: 20 };
    assert_eq!(problems, [wrong, ObjectProblem::Missing { object: gone }]);
}

async fn garbage_is_what_nothing_names(store: &Store) {
    let repository = bench(store).await.repository;
    let kept = repository.put_piece(noise(30, 1)).await.unwrap().digest;
    let left = repository.put_piece(noise(40, 2)).await.unwrap().digest;
    let names = BTreeSet::from([kept]);
    let later = Utc::now() + TimeDelta::hours(1);
    let garbage = repository.garbage(&names, later).await.unwrap();
    assert_eq!(garbage.iter().map(|one| (one.object, one.length)).collect::<Vec<_>>(), [(left, 40)]);
    assert!(repository.garbage(&names, Utc::now() - TimeDelta::hours(1)).await.unwrap().is_empty());
    repository.delete_garbage(&garbage[0]).await.unwrap();
    assert!(repository.garbage(&names, later).await.unwrap().is_empty());
    assert_eq!(read(&repository, kept, 0..30).await.unwrap(), noise(30, 1));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere");
    let config = StoreConfig::new(path.to_str().unwrap());
    let error = Store::open(&config).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(!path.exists());
    std::fs::write(&path, "a file").unwrap();
    assert!(Store::open(&config).await.is_err());
}

#[tokio::test]
async fn staged_files_of_dead_runs_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&StoreConfig::new(folder.path().to_str().unwrap())).await.unwrap();
    let repository = bench(&store).await.repository;
    let stored = repository.put_piece(noise(100, 1)).await.unwrap();
    let object = folder.path().join(layout::object(&stored.digest));
    let staged = object.with_file_name("ab12#1");
    std::fs::write(&staged, [0; 500]).unwrap();
    std::fs::write(folder.path().join("notes#1"), "none of ours, but staged at the root").unwrap();
    assert_eq!(repository.sweep_uploads(Utc::now() - TimeDelta::hours(1)).await.unwrap().files, 0);
    let swept = repository.sweep_uploads(Utc::now() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!((swept.files, swept.bytes > 500), (2, true));
    assert!(!staged.exists() && object.exists());
}
