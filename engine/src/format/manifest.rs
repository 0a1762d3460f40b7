//! The public half of a dump: `dumps/<dump-id>/manifest`. Canonical JSON; nothing about the data.
//!
//! Stored signed ([`SignedManifest`]). Reading goes through three types, so that no step can be forgotten: bytes become a
//! [`ReadManifest`] (version, form, signature, place and inner sense checked), which its holder must
//! [accept](ReadManifest::accept) by saying whom it trusts, which gives a [`VerifiedManifest`]: the only one plans take.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::FormatVersion;
use super::canonical::CanonicalError;
use super::check::{self, Contradiction};
use super::signed::{self, Signable, SignedError, Vouched};
use crate::error::{Error, Kind};
use crate::ids::{ContentId, Digest, DumpId, RepositoryId, TableTag, WriterId};
use crate::limits;

/// A committed dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version it was written in.
    pub format: FormatVersion,
    /// Capabilities a reader must have, sorted.
    pub capabilities: Vec<String>,
    /// Repository it belongs to: a manifest copied elsewhere is refused.
    pub repository: RepositoryId,
    /// Its own name: a manifest stored under another name is refused.
    pub dump: DumpId,
    /// Who signed.
    pub writer: WriterId,
    /// Program and version that wrote it.
    pub tool: String,
    /// When the run began, UTC.
    pub started: DateTime<Utc>,
    /// When the manifest was made, UTC.
    pub finished: DateTime<Utc>,
    /// False only in repositories made with `--no-encryption`.
    pub encrypted: bool,
    /// All chunks; the private half refers to them by position.
    pub chunks: Vec<StoredChunk>,
    /// The private half.
    pub contents: StoredContents,
    /// What the next dump must remember of each table.
    pub grids: BTreeMap<TableTag, GridMemory>,
}

/// One chunk as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredChunk {
    /// Keyed digest of its plaintext.
    pub id: ContentId,
    /// Digest of all its stored bytes, pieces concatenated.
    pub sealed: Digest,
    /// Where they are, in order.
    pub pieces: Vec<Piece>,
}

impl StoredChunk {
    /// Stored bytes.
    pub fn stored_len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.length).sum()
    }
}

/// A span of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The object, named by the digest of all its bytes.
    pub object: Digest,
    /// Length of the whole object.
    pub object_length: u64,
    /// Where the span begins.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
    /// Digest of the span itself.
    pub digest: Digest,
}

/// The private half as an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredContents {
    /// Stored bytes.
    pub length: u64,
    /// Digest of the stored bytes.
    pub digest: Digest,
}

/// What the next dump needs to choose the same grid for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridMemory {
    /// Heap blocks per chunk; a power of two.
    pub blocks: u32,
}

impl Signable for Manifest {
    const NAME: &'static str = "manifest";
    const LIMIT: u64 = limits::MANIFEST_MAX;

    fn writer(&self) -> WriterId {
        self.writer
    }
}

/// The stored form.
pub struct SignedManifest;

impl SignedManifest {
    /// Encodes and signs.
    pub fn encode(manifest: &Manifest, key: &SigningKey) -> Result<Vec<u8>, CanonicalError> {
        signed::encode(manifest, key)
    }

    /// Decodes what was read from `place`; `known` are the writers the reader accepts, `None` if it knows none.
    pub fn decode(file: &[u8], place: &Place<'_>, known: Option<&[WriterId]>) -> Result<ReadManifest, ManifestError> {
        let (manifest, vouched) = signed::decode::<Manifest>(file, known)?;
        if manifest.repository != *place.repository {
            return Err(ManifestError::Repository { found: manifest.repository });
        }
        if manifest.dump != *place.dump {
            return Err(ManifestError::Dump { found: manifest.dump });
        }
        if manifest.encrypted != place.encrypted {
            return Err(ManifestError::Encryption { found: manifest.encrypted });
        }
        check::manifest(&manifest)?;
        Ok(ReadManifest { manifest, vouched })
    }
}

/// Where a manifest was read: it must belong there.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The repository's id.
    pub repository: &'a RepositoryId,
    /// The dump whose folder it lay in.
    pub dump: &'a DumpId,
    /// Whether the repository encrypts.
    pub encrypted: bool,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Envelope, version, form or signature.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// Made for another repository.
    #[error("it belongs to another repository ({found})")]
    Repository {
        /// The repository it names.
        found: RepositoryId,
    },
    /// Stored under another dump's name.
    #[error("it is the manifest of another dump ({found})")]
    Dump {
        /// The dump it names.
        found: DumpId,
    },
    /// Plain in an encrypted repository, or the other way round.
    #[error("it says encrypted: {found}, the repository says otherwise")]
    Encryption {
        /// What it says.
        found: bool,
    },
    /// It contradicts itself.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

impl ManifestError {
    /// As the engine's error, with advice.
    pub fn into_error(self, dump: &DumpId) -> Error {
        let (kind, hint) = match &self {
            Self::Signed(error) => error.kind_and_hint(),
            Self::Repository { .. } | Self::Dump { .. } | Self::Encryption { .. } => (
                Kind::Verification,
                "Somebody copied or renamed files in the bucket; use a dump that was written here, and find out who did.",
            ),
            Self::Contradiction(_) => (Kind::Format, "The writer was broken; use another dump and report this."),
        };
        Error::new(kind, format!("manifest of dump {dump} refused")).because(self).hint(hint)
    }
}

/// A manifest that is sound in itself and stands where it belongs; who answers for it is still to be judged.
#[derive(Debug)]
#[must_use]
pub struct ReadManifest {
    manifest: Manifest,
    vouched: Vouched,
}

/// Whom the holder of a [`ReadManifest`] trusts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acceptance {
    /// Only writers the reader knows. The rule for everything that restores.
    Known,
    /// Any sound signature: for work without keys (`list`, `verify` of stored bytes) and for repositories without
    /// encryption, where a reader has nothing that could know a writer.
    AnySignature,
    /// `--allow-unsigned`: anything. The caller says so aloud.
    Anything,
}

impl ReadManifest {
    /// Who answers for it.
    pub fn vouched(&self) -> Vouched {
        self.vouched
    }

    /// The manifest, for looking at, not for acting on.
    pub fn unaccepted(&self) -> &Manifest {
        &self.manifest
    }

    /// Accepts it, if who answers for it is enough.
    pub fn accept(self, acceptance: Acceptance) -> Result<VerifiedManifest, Error> {
        let refusal = match (self.vouched, acceptance) {
            (Vouched::Signed(_), _) | (_, Acceptance::Anything) => None,
            (Vouched::Unchecked(_) | Vouched::Foreign(_), Acceptance::AnySignature) => None,
            (Vouched::Foreign(writer), Acceptance::Known) => {
                Some(format!("is signed by a writer this repository's keys do not know ({writer})"))
            }
            (Vouched::Unchecked(_), Acceptance::Known) => Some("cannot be checked: no writer is known".to_owned()),
            (Vouched::Unsigned, _) => Some("is not signed".to_owned()),
        };
        match refusal {
            None => Ok(VerifiedManifest { manifest: self.manifest, vouched: self.vouched }),
            Some(why) => Err(Error::new(Kind::Identity, format!("dump {} {why}", self.manifest.dump)).hint(
                "Anybody who can write to the bucket may have put it there; if you know where it comes from, \
                 say --allow-unsigned.",
            )),
        }
    }
}

/// A manifest whose reader has said whom it trusts. The only one that plans take.
#[derive(Clone, Debug)]
pub struct VerifiedManifest {
    manifest: Manifest,
    vouched: Vouched,
}

impl VerifiedManifest {
    /// Who answers for it.
    pub fn vouched(&self) -> Vouched {
        self.vouched
    }

    /// The manifest itself.
    pub fn into_inner(self) -> Manifest {
        self.manifest
    }
}

impl std::ops::Deref for VerifiedManifest {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.manifest
    }
}

#[cfg(test)]
mod tests {
    use super::super::{samples, signed};
    use super::*;

    fn file() -> Vec<u8> {
        SignedManifest::encode(&samples::manifest(), &samples::signing(1)).unwrap()
    }

    fn read(file: &[u8], known: Option<&[WriterId]>) -> Result<ReadManifest, ManifestError> {
        let (repository, dump) = (samples::repository(), samples::dump(1));
        SignedManifest::decode(file, &Place { repository: &repository, dump: &dump, encrypted: true }, known)
    }

    /// The signed form of a changed manifest.
    fn changed(change: impl Fn(&mut Manifest)) -> Vec<u8> {
        let mut manifest = samples::manifest();
        change(&mut manifest);
        SignedManifest::encode(&manifest, &samples::signing(1)).unwrap()
    }

    #[test]
    fn the_signed_form_is_fixed() {
        let text = String::from_utf8(file()).unwrap();
        assert!(
            text.starts_with(
                "{\"manifest\":{\"capabilities\":[\"age\",\"census\",\"copy\",\"zstd\"],\"chunks\":[{\"id\":"
            ),
            "{text}"
        );
        // Ed25519 is deterministic: same manifest, same key, same file.
        assert_eq!(text.as_bytes(), file());
        assert_eq!(
            blake3::hash(text.as_bytes()).to_hex().as_str(),
            "19dc41698cf7f7fd9daacbf6240595cca8dc2cb1058c185de379fb0a65a9d5c4",
            "the stored form of a manifest changed: that is a new format version"
        );
    }

    #[test]
    fn who_vouches_decides_what_is_accepted() {
        let ours = [samples::writer(1)];
        let others = [samples::writer(2), samples::writer(3)];
        let signed = file();
        let unsigned = signed::encode_unsigned(&samples::manifest()).unwrap();
        type Case<'a> = (&'a [u8], Option<&'a [WriterId]>, Vouched, [bool; 3]);
        let cases: [Case<'_>; 4] = [
            (&signed, Some(&ours), Vouched::Signed(ours[0]), [true, true, true]),
            (&signed, None, Vouched::Unchecked(ours[0]), [false, true, true]),
            (&signed, Some(&others), Vouched::Foreign(ours[0]), [false, true, true]),
            (&unsigned, Some(&ours), Vouched::Unsigned, [false, false, true]),
        ];
        for (file, known, vouched, accepted) in cases {
            for (acceptance, expected) in
                [Acceptance::Known, Acceptance::AnySignature, Acceptance::Anything].into_iter().zip(accepted)
            {
                let manifest = read(file, known).unwrap();
                assert_eq!(manifest.vouched(), vouched);
                let result = manifest.accept(acceptance);
                assert_eq!(result.is_ok(), expected, "{vouched:?} {acceptance:?}");
                if let Err(error) = result {
                    assert_eq!(error.kind(), Kind::Identity);
                }
            }
        }
    }

    #[test]
    fn an_edit_of_any_byte_is_refused() {
        let good = file();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad, Some(&[samples::writer(1)])).is_err(), "byte {at}");
        }
        for len in [0, 1, 13, good.len() - 1] {
            assert!(read(&good[..len], None).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn an_edited_value_breaks_the_signature_whatever_is_allowed() {
        let text = String::from_utf8(file()).unwrap().replace("\"offset\":50", "\"offset\":51");
        let error = read(text.as_bytes(), None).unwrap_err();
        assert!(matches!(error, ManifestError::Signed(SignedError::Signature("manifest"))), "{error}");
        assert_eq!(error.into_error(&samples::dump(1)).kind(), Kind::Verification);
    }

    #[test]
    fn newer_files_are_refused_by_name_before_anything_else() {
        let text = String::from_utf8(file()).unwrap();
        let major = text.replace("\"major\":1", "\"major\":2");
        let error = read(major.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("format version 2.0"), "{error}");
        let capability = text
            .replace("[\"age\",\"census\",\"copy\",\"zstd\"]", "[\"age\",\"census\",\"columns\",\"copy\",\"zstd\"]");
        let error = read(capability.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("\"columns\""), "{error}");
        assert_eq!(error.into_error(&samples::dump(1)).kind(), Kind::Format);
    }

    #[test]
    fn a_manifest_belongs_where_it_was_signed_for() {
        let elsewhere = changed(|m| m.repository = RepositoryId::new([1; 16]));
        assert!(matches!(read(&elsewhere, None), Err(ManifestError::Repository { .. })));
        let renamed = changed(|m| m.dump = samples::dump(2));
        assert!(matches!(read(&renamed, None), Err(ManifestError::Dump { .. })));
        let plain = changed(|m| {
            m.encrypted = false;
            m.capabilities = super::super::capabilities(false);
        });
        assert!(matches!(read(&plain, None), Err(ManifestError::Encryption { found: false })));
    }

    #[test]
    fn contradictions_are_refused_even_when_signed() {
        type Change = fn(&mut Manifest);
        let changes: [(&str, Change); 11] = [
            ("no pieces", |m| m.chunks[0].pieces.clear()),
            ("beyond the object", |m| m.chunks[1].pieces[0].offset = 101),
            ("offset overflows", |m| m.chunks[1].pieces[0].offset = u64::MAX),
            ("no bytes", |m| m.chunks[1].pieces[0].length = 0),
            ("object too large", |m| m.chunks[1].pieces[0].object_length = crate::limits::PIECE_MAX + 1),
            ("whole object, other digest", |m| m.chunks[0].pieces[0].digest = Digest([7; 32])),
            ("lengths disagree", |m| m.chunks[1].pieces[0].object = Digest([1; 32])),
            ("capabilities unsorted", |m| m.capabilities.swap(0, 1)),
            ("encrypted without age", |m| m.capabilities = super::super::capabilities(false)),
            ("ends before it starts", |m| m.finished = m.started - chrono::TimeDelta::seconds(1)),
            ("grid", |m| m.grids.values_mut().for_each(|grid| grid.blocks = 1000)),
        ];
        for (name, change) in changes {
            let error = read(&changed(change), None).unwrap_err();
            assert!(matches!(error, ManifestError::Contradiction(_)), "{name}: {error}");
        }
    }

    #[test]
    fn a_signature_for_another_kind_of_file_does_not_fit() {
        let journal = String::from_utf8(samples::record().encode(&samples::signing(1)).unwrap()).unwrap();
        let relabelled = journal.replacen("{\"journal\":", "{\"manifest\":", 1);
        assert!(read(relabelled.as_bytes(), None).is_err());
        assert!(read(journal.as_bytes(), None).unwrap_err().to_string().contains("not a manifest file"));
    }
}
