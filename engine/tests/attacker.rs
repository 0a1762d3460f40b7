//! The attacker owns the bucket: reads, writes, renames and deletes whatever is in it, and knows every public key.
//! What is never theirs: a reader's identity, the repository identity, the writer key.

use std::path::{Path, PathBuf};

use pgfreight_engine::Kind;
use pgfreight_engine::format::descriptor::Descriptor;
use pgfreight_engine::format::journal::JournalRecord;
use pgfreight_engine::format::manifest::{Acceptance, Manifest, SignedManifest};
use pgfreight_engine::format::signed::{self, Vouched};
use pgfreight_engine::format::{CURRENT, capabilities, layout};
use pgfreight_engine::ids::RepositoryId;
use pgfreight_engine::keys::{
    Identities, Label, ReaderBundle, Recipients, RepositoryIdentity, Wrap, WriterKey, nobody_to_ask,
};
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::store::{Pin, Repository, Store, StoreConfig};

use crate::store_contract::{self as contract, Bench, dump_id, noise, whole_chunk, writer_key};

/// A repository in a folder with one dump, a reader called Alice, and the bucket open to the attacker.
struct Victim {
    folder: tempfile::TempDir,
    bench: Bench,
    alice: Person,
}

struct Person {
    secret: Vec<u8>,
    public: Recipients,
}

impl Person {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = pgfreight_fixtures::tools::age_keygen().arg("-o").arg(&file).output().unwrap();
        assert!(made.status.success());
        let public = pgfreight_fixtures::tools::age_keygen().arg("-y").arg(&file).output().unwrap();
        let mut recipients = Recipients::new();
        recipients.add(std::str::from_utf8(&public.stdout).unwrap()).unwrap();
        Self { secret: std::fs::read(&file).unwrap(), public: recipients }
    }

    fn identities(&self) -> Identities {
        let mut identities = Identities::new();
        identities.add_file("alice.key", &self.secret, &nobody_to_ask()).unwrap();
        identities
    }

    fn wrap(&self) -> Wrap {
        Wrap::Recipients(self.public.clone())
    }
}

impl Victim {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&config(folder.path())).await.unwrap();
        let bench = contract::bench(&store).await;
        contract::commit(&bench, 1).await;
        let alice = Person::new();
        let victim = Self { folder, bench, alice };
        let label = Label::parse("alice").unwrap();
        let repository = &victim.bench.repository;
        repository.put_bundle(&label, &victim.bundle(), &victim.alice.wrap(), false).await.unwrap();
        victim
    }

    fn bundle(&self) -> ReaderBundle {
        ReaderBundle {
            repository: self.id().clone(),
            writers: vec![self.bench.writer.id()],
            identity: self.bench.identity.clone(),
        }
    }

    fn id(&self) -> &RepositoryId {
        &self.bench.repository.descriptor().repository
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    fn overwrite(&self, key: &str, bytes: &[u8]) {
        let file = self.file(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    fn manifest_file(&self, n: u8) -> Vec<u8> {
        std::fs::read(self.file(&layout::manifest(&dump_id(n)))).unwrap()
    }

    /// What Alice's program says to the dump: her bundle names the writers.
    async fn alice_reads(&self, n: u8) -> pgfreight_engine::Result<Manifest> {
        let repository = Repository::open(self.bench.repository.store().clone(), Pin::Any).await?;
        let (_, bundle) = repository.open_bundle(&self.alice.identities()).await?;
        let read = repository.read_manifest(&dump_id(n), Some(&bundle.writers)).await?;
        read.accept(Acceptance::Known).map(|manifest| manifest.into_inner())
    }

    /// The attacker's own writer key for this repository: everything in it that is public is right.
    fn mallory(&self) -> WriterKey {
        writer_key(self.id(), Some(self.bench.identity.recipient()), 66)
    }

    fn forged(&self, writer: &WriterKey) -> Manifest {
        let contents = pgfreight_engine::format::manifest::StoredContents {
            length: 10,
            digest: pgfreight_engine::ids::Digest([1; 32]),
        };
        let mut forged = contract::manifest(&self.bench, dump_id(2), vec![], contents);
        forged.writer = writer.id();
        forged
    }
}

fn config(folder: &Path) -> StoreConfig {
    StoreConfig::new(folder.to_str().unwrap())
}

#[tokio::test]
async fn an_honest_dump_is_read() {
    let victim = Victim::new().await;
    assert_eq!(victim.alice_reads(1).await.unwrap().dump, dump_id(1));
}

#[tokio::test]
async fn a_forged_unsigned_manifest_is_refused_unless_allowed() {
    let victim = Victim::new().await;
    let forged = signed::encode_unsigned(&victim.forged(&victim.bench.writer)).unwrap();
    victim.overwrite(&layout::manifest(&dump_id(2)), &forged);
    let error = victim.alice_reads(2).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Identity);
    assert!(error.advice().unwrap().contains("--allow-unsigned"));
    let read = victim.bench.repository.read_manifest(&dump_id(2), None).await.unwrap();
    assert_eq!(read.vouched(), Vouched::Unsigned);
    read.accept(Acceptance::Anything).unwrap();
}

#[tokio::test]
async fn an_edited_manifest_is_refused_whatever_is_allowed() {
    let victim = Victim::new().await;
    let text = String::from_utf8(victim.manifest_file(1)).unwrap();
    for edited in [
        text.replace("\"tool\":\"test\"", "\"tool\":\"tset\""),
        text.replace("\"length\":700", "\"length\":701"),
        text.replace("1970-01-01", "1970-01-02"),
    ] {
        assert_ne!(edited, text);
        victim.overwrite(&layout::manifest(&dump_id(1)), edited.as_bytes());
        assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Verification);
        let anyone = victim.bench.repository.read_manifest(&dump_id(1), None).await;
        assert_eq!(anyone.unwrap_err().kind(), Kind::Verification);
    }
    // Cutting the signature off makes it an unsigned one, which is refused as such.
    let cut = format!("{}}}", &text[..text.find(",\"signature\"").unwrap()]);
    victim.overwrite(&layout::manifest(&dump_id(1)), cut.as_bytes());
    assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Identity);
}

#[tokio::test]
async fn a_manifest_under_another_name_or_from_another_repository_is_refused() {
    let victim = Victim::new().await;
    victim.overwrite(&layout::manifest(&dump_id(9)), &victim.manifest_file(1));
    let error = victim.alice_reads(9).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Verification);
    // The same writer's dump, replayed from a second repository of the same people.
    let other = Victim::new().await;
    victim.overwrite(&layout::manifest(&dump_id(1)), &other.manifest_file(1));
    assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Verification);
}

#[tokio::test]
async fn a_manifest_signed_again_by_somebody_else_is_refused() {
    let victim = Victim::new().await;
    let mallory = victim.mallory();
    let forged = SignedManifest::encode(&victim.forged(&mallory), mallory.signing()).unwrap();
    victim.overwrite(&layout::manifest(&dump_id(2)), &forged);
    let error = victim.alice_reads(2).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Identity);
    assert!(error.what().contains("a writer this repository's keys do not know"), "{error}");
    // Naming the honest writer while signing with another key does not help.
    let forged = SignedManifest::encode(&victim.forged(&victim.bench.writer), mallory.signing()).unwrap();
    victim.overwrite(&layout::manifest(&dump_id(2)), &forged);
    assert_eq!(victim.alice_reads(2).await.unwrap_err().kind(), Kind::Verification);
}

#[tokio::test]
async fn the_dump_host_refuses_another_recipient_id_or_no_encryption() {
    let victim = Victim::new().await;
    let mallory = RepositoryIdentity::generate().recipient();
    let descriptors = [
        Descriptor::new(victim.id().clone(), Some(mallory.clone())),
        Descriptor::new(RepositoryId::new([0xcc; 16]), Some(victim.bench.identity.recipient())),
        Descriptor::new(victim.id().clone(), None),
    ];
    for descriptor in descriptors {
        victim.overwrite(layout::DESCRIPTOR, &descriptor.encode().unwrap());
        let store = victim.bench.repository.store().clone();
        let error = Repository::open(store, Pin::Writer(&victim.bench.writer)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Identity, "{descriptor:?}");
        assert!(error.advice().unwrap().contains("pgfreight.json"));
        // Alice notices too: her bundle belongs to the old descriptor, with encryption or without.
        assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Identity, "{descriptor:?}");
        let opened = Access::open(&config(victim.folder.path()), &victim.alice.identities(), false).await;
        assert_eq!(opened.unwrap_err().kind(), Kind::Identity, "{descriptor:?}");
    }
}

#[tokio::test]
async fn a_bundle_made_by_the_attacker_is_refused() {
    let victim = Victim::new().await;
    // Anybody can wrap something for Alice; nobody else can put the repository identity into it.
    let mallory = victim.mallory();
    let planted = ReaderBundle {
        repository: victim.id().clone(),
        writers: vec![mallory.id()],
        identity: RepositoryIdentity::generate(),
    };
    let sealed = victim.alice.wrap().seal(&planted.encode()).unwrap();
    victim.overwrite(&layout::reader_bundle("alice"), &sealed);
    let error = victim.alice_reads(1).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Identity);
    assert!(error.what().contains("it belongs to another repository"), "{error}");
}

#[tokio::test]
async fn a_repository_replaced_as_a_whole_is_seen_by_whoever_pinned_its_recipient() {
    let victim = Victim::new().await;
    let honest = victim.bench.identity.recipient();
    // The attacker builds a consistent repository around keys of their own, and a bundle for Alice.
    let identity = RepositoryIdentity::generate();
    let mallory = writer_key(victim.id(), Some(identity.recipient()), 66);
    let descriptor = Descriptor::new(victim.id().clone(), Some(identity.recipient()));
    victim.overwrite(layout::DESCRIPTOR, &descriptor.encode().unwrap());
    let planted = ReaderBundle { repository: victim.id().clone(), writers: vec![mallory.id()], identity };
    victim.overwrite(&layout::reader_bundle("alice"), &victim.alice.wrap().seal(&planted.encode()).unwrap());
    let forged = SignedManifest::encode(&victim.forged(&mallory), mallory.signing()).unwrap();
    victim.overwrite(&layout::manifest(&dump_id(2)), &forged);
    // Without a pin nothing can tell: docs/THREAT_MODEL.md says so.
    victim.alice_reads(2).await.unwrap();
    let mut pinned = config(victim.folder.path());
    pinned.recipient = Some(honest);
    let opened = Access::open(&pinned, &victim.alice.identities(), false).await;
    assert_eq!(opened.unwrap_err().kind(), Kind::Identity);
}

#[tokio::test]
async fn a_planted_journal_record_is_never_used() {
    let victim = Victim::new().await;
    let mallory = victim.mallory();
    let mut record = JournalRecord {
        format: CURRENT,
        capabilities: capabilities(true),
        repository: victim.id().clone(),
        dump: dump_id(5),
        number: 0,
        writer: mallory.id(),
        written: chrono::DateTime::UNIX_EPOCH,
        chunks: vec![whole_chunk(&noise(10, 1))],
    };
    let key = layout::run_record(&record.dump, 0);
    victim.overwrite(&key, &record.encode(mallory.signing()).unwrap());
    let refused = || async {
        let runs = victim.bench.repository.read_journals(victim.bench.writer.id()).await.unwrap();
        assert_eq!(runs.len(), 1);
        assert!(runs[0].records.is_empty());
        runs[0].refused[0].1.clone()
    };
    assert!(refused().await.contains("not signed by this writer"));
    record.writer = victim.bench.writer.id();
    victim.overwrite(&key, &record.encode(mallory.signing()).unwrap());
    assert!(refused().await.contains("signature does not match"));
    // An honest record under another number.
    let honest = record.encode(victim.bench.writer.signing()).unwrap();
    std::fs::remove_file(victim.file(&key)).unwrap();
    victim.overwrite(&layout::run_record(&record.dump, 1), &honest);
    assert!(refused().await.contains("belongs elsewhere"));
}

#[tokio::test]
async fn objects_put_in_each_others_place_have_the_wrong_digest() {
    let victim = Victim::new().await;
    let repository = &victim.bench.repository;
    let one = repository.put_piece(noise(5_000, 10)).await.unwrap().digest;
    let two = repository.put_piece(noise(5_000, 11)).await.unwrap().digest;
    let (file_one, file_two) = (victim.file(&layout::object(&one)), victim.file(&layout::object(&two)));
    let (bytes_one, bytes_two) = (std::fs::read(&file_one).unwrap(), std::fs::read(&file_two).unwrap());
    std::fs::write(&file_one, &bytes_two).unwrap();
    std::fs::write(&file_two, &bytes_one).unwrap();
    for object in [one, two] {
        let found = contract::read(repository, object, 0..5_000).await.unwrap();
        assert_ne!(contract::digest(&found), object);
    }
}

#[tokio::test]
async fn files_of_absurd_size_are_refused_unread() {
    let victim = Victim::new().await;
    let sparse = |key: &str, length: u64| {
        victim.overwrite(key, b"");
        std::fs::File::options().write(true).open(victim.file(key)).unwrap().set_len(length).unwrap();
    };
    sparse(&layout::manifest(&dump_id(1)), 1 << 40);
    assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Format);
    sparse(&layout::reader_bundle("alice"), 1 << 40);
    assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Format);
    sparse(layout::DESCRIPTOR, 1 << 40);
    assert_eq!(victim.alice_reads(1).await.unwrap_err().kind(), Kind::Format);
}
