//! Names of everything in a repository, relative to its root (docs/FORMAT.md, "Names").
//!
//! Every name is built here and nowhere else. Parts that come from outside (dump ids, labels) are newtypes whose
//! parsers admit no separator, so no name can leave its folder.

use crate::ids::{Digest, DumpId};

/// The descriptor.
pub const DESCRIPTOR: &str = "pgfreight.json";
/// Folder of the sealed pieces.
pub const OBJECTS: &str = "objects";
/// Folder of the committed dumps.
pub const DUMPS: &str = "dumps";
/// Folder of the unfinished runs.
pub const RUNS: &str = "runs";
/// Folder of the bundles.
pub const KEYS: &str = "keys";

/// Highest number a journal record may have: names keep six digits.
pub const RECORD_MAX: u32 = 999_999;

/// A piece, named by the digest of its stored bytes.
pub fn object(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("{OBJECTS}/{}/{hex}", &hex[..2])
}

/// The digest a piece's name stands for; `None` for names that are none of ours.
pub fn parse_object(key: &str) -> Option<Digest> {
    let (folder, name) = key.strip_prefix(OBJECTS)?.strip_prefix('/')?.split_once('/')?;
    let digest = Digest::from_hex(name)?;
    (folder == &name[..2]).then_some(digest)
}

/// The public half of a dump: the commit point.
pub fn manifest(dump: &DumpId) -> String {
    format!("{DUMPS}/{dump}/manifest")
}

/// The dump a manifest's name belongs to.
pub fn parse_manifest(key: &str) -> Option<DumpId> {
    let name = key.strip_prefix(DUMPS)?.strip_prefix('/')?.strip_suffix("/manifest")?;
    DumpId::parse(name)
}

/// The private half of a dump. Repositories without encryption leave the last suffix away, so that tools that go by
/// suffixes do the right thing.
pub fn contents(dump: &DumpId, encrypted: bool) -> String {
    format!("{DUMPS}/{dump}/contents.zst{}", if encrypted { ".age" } else { "" })
}

/// One journal record.
pub fn run_record(dump: &DumpId, number: u32) -> String {
    format!("{RUNS}/{dump}/{number:06}")
}

/// The run and the number a journal record's name stands for.
pub fn parse_run_record(key: &str) -> Option<(DumpId, u32)> {
    let (dump, number) = key.strip_prefix(RUNS)?.strip_prefix('/')?.split_once('/')?;
    let digits = number.len() == 6 && number.bytes().all(|b| b.is_ascii_digit());
    Some((DumpId::parse(dump)?, digits.then(|| number.parse().ok()).flatten()?))
}

/// A reader's bundle.
pub fn reader_bundle(label: &str) -> String {
    format!("{KEYS}/{label}.age")
}

/// A writer key wrapped for recovery.
pub fn writer_bundle(label: &str) -> String {
    format!("{KEYS}/{label}.writer.age")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let digest = Digest([0xa5; 32]);
        let dump = DumpId::new(chrono::DateTime::UNIX_EPOCH, [1, 2, 3, 4]);
        assert_eq!(object(&digest), format!("objects/a5/{digest}"));
        assert_eq!(parse_object(&object(&digest)), Some(digest));
        assert_eq!(parse_manifest(&manifest(&dump)), Some(dump.clone()));
        assert_eq!(run_record(&dump, 7), "runs/19700101T000000Z-01020304/000007");
        assert_eq!(parse_run_record(&run_record(&dump, 7)), Some((dump.clone(), 7)));
        assert_eq!(contents(&dump, true), "dumps/19700101T000000Z-01020304/contents.zst.age");
        assert_eq!(contents(&dump, false), "dumps/19700101T000000Z-01020304/contents.zst");
    }

    #[test]
    fn foreign_names_are_not_taken_for_ours() {
        let name = "a5".repeat(32);
        for key in [format!("objects/ff/{name}"), format!("objects/{name}"), format!("object/a5/{name}")] {
            assert_eq!(parse_object(&key), None, "{key}");
        }
        for key in ["dumps/latest/manifest", "dumps/19700101T000000Z-01020304/contents.zst.age", "manifest"] {
            assert_eq!(parse_manifest(key), None, "{key}");
        }
        for key in ["runs/19700101T000000Z-01020304/7", "runs/19700101T000000Z-01020304/+00007", "runs/x/000007"] {
            assert_eq!(parse_run_record(key), None, "{key}");
        }
    }
}
