//! Small sound values for tests of this room and of those above.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use ed25519_dalek::SigningKey;

use super::contents::{Contents, DataKind, Fingerprint, Header, TableChunk, TableData};
use super::journal::JournalRecord;
use super::manifest::{GridMemory, Manifest, Piece, StoredChunk, StoredContents};
use super::{CURRENT, CopyFormat, capabilities};
use crate::catalog::census::Count;
use crate::catalog::{Catalog, Census, Database, ServerFacts};
use crate::ids::{ContentId, Digest, DumpId, Oid, RepositoryId, ServerVersion, TableTag, WriterId};

pub(crate) fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn writer(seed: u8) -> WriterId {
    WriterId(signing(seed).verifying_key().to_bytes())
}

pub(crate) fn repository() -> RepositoryId {
    RepositoryId::new([0xab; 16])
}

pub(crate) fn dump(n: u8) -> DumpId {
    DumpId::new(DateTime::UNIX_EPOCH, [n; 4])
}

pub(crate) fn chunk(n: u8, offset: u64, object_length: u64) -> StoredChunk {
    let whole = offset == 0 && object_length == 100;
    let object = Digest([n; 32]);
    let digest = if whole { object } else { Digest([n ^ 0xff; 32]) };
    let piece = Piece { object, object_length, offset, length: 100, digest };
    StoredChunk { id: ContentId([n; 32]), sealed: digest, pieces: vec![piece] }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        format: CURRENT,
        capabilities: capabilities(true),
        repository: repository(),
        dump: dump(1),
        writer: writer(1),
        tool: "pgfreight 0.1.0".into(),
        started: DateTime::UNIX_EPOCH,
        finished: DateTime::UNIX_EPOCH + TimeDelta::seconds(90),
        encrypted: true,
        chunks: vec![chunk(1, 0, 100), chunk(2, 50, 200)],
        contents: StoredContents { length: 10, digest: Digest([9; 32]) },
        grids: BTreeMap::from([(TableTag([5; 32]), GridMemory { blocks: 1024 })]),
    }
}

pub(crate) fn record() -> JournalRecord {
    JournalRecord {
        format: CURRENT,
        capabilities: capabilities(true),
        repository: repository(),
        dump: dump(1),
        number: 3,
        writer: writer(1),
        written: DateTime::UNIX_EPOCH,
        chunks: vec![chunk(1, 0, 100)],
    }
}

pub(crate) fn contents() -> Contents {
    let part = |chunk: u32, from: u32, to: Option<u32>| TableChunk {
        chunk,
        from,
        to,
        rows: 5,
        raw: 500,
        plain: Digest([chunk as u8; 32]),
        fingerprint: Fingerprint(u128::MAX - 1),
    };
    Contents {
        header: Header {
            dump: dump(1),
            snapshot: "00000003-0000001B-1".into(),
            encoding: "UTF8".into(),
            options: vec!["--schema=public".into()],
            losses: vec![],
        },
        catalog: catalog(),
        entries: vec![],
        forgotten: vec![],
        tables: vec![TableData {
            kind: DataKind::Table,
            object: None,
            schema: "public".into(),
            name: "naïve \"table\"".into(),
            columns: vec!["id".into()],
            format: CopyFormat::Binary,
            condition: None,
            rows: 10,
            fingerprint: Fingerprint(u128::MAX - 1) + Fingerprint(u128::MAX - 1),
            chunks: vec![part(0, 0, Some(1024)), part(1, 1024, None)],
        }],
    }
}

fn catalog() -> Catalog {
    Catalog {
        server: ServerFacts { version: ServerVersion(180_001), version_text: "18.1".into(), standby: false },
        database: Database {
            name: "app".into(),
            oid: Oid(16_384),
            owner: "postgres".into(),
            encoding: "UTF8".into(),
            collate: "C".into(),
            ctype: "C".into(),
            locale_provider: 'c',
            locale: None,
            icu_rules: None,
            connection_limit: -1,
            is_template: false,
            tablespace: None,
            acl: None,
            comment: None,
            labels: vec![],
            settings: vec![],
        },
        objects: vec![],
        planner_statistics: vec![],
        edges: vec![],
        unsupported: vec![],
        globals: None,
        census: Some(Census([("pg_class".to_owned(), Count { found: 5, carried: 2, parts: 3, left_out: 0 })].into())),
    }
}

/// The examples of the normative text are what the code writes.
#[test]
fn the_format_document_shows_the_true_forms() {
    let document = include_str!("../../../docs/FORMAT.md");
    let mut contents_text = Vec::new();
    contents().write(&mut contents_text).unwrap();
    let recipient = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned();
    let descriptor = super::descriptor::Descriptor::new(RepositoryId::new([15; 16]), Some(recipient));
    let forms = [
        super::manifest::SignedManifest::encode(&manifest(), &signing(1)).unwrap(),
        record().encode(&signing(1)).unwrap(),
        contents_text,
        descriptor.encode().unwrap(),
    ];
    for form in forms {
        let text = String::from_utf8(form).unwrap();
        assert!(document.contains(&format!("```json\n{}\n```", text.trim_end())), "{text}");
    }
    for capability in super::CAPABILITIES {
        assert!(document.contains(&format!("| `{capability}` |")), "{capability}");
    }
}
