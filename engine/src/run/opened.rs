//! A dump that its reader trusts: manifest accepted, contents opened. What restore, verify, show and cat start from.

use std::sync::Arc;

use crate::catalog::Globals;
use crate::error::{Error, Kind, Result};
use crate::format::contents::{Contents, ContentsError, Mismatch};
use crate::format::manifest::{Acceptance, VerifiedManifest};
use crate::ids::{DumpId, WriterId};
use crate::keys::ReaderBundle;
use crate::limits::CONTENTS_MAX;
use crate::seal::{self, Decryption};
use crate::store::Repository;

/// Who reads a repository.
#[derive(Clone, Debug)]
pub enum Reader {
    /// The holder of an identity: sees everything, checks who wrote it.
    Bundle(Box<ReaderBundle>),
    /// Anybody, of a repository without encryption; `writers` are known only if the reader has a writer key at hand.
    Plain {
        /// Writers to believe; empty accepts any sound signature.
        writers: Vec<WriterId>,
    },
}

impl Reader {
    fn writers(&self) -> Option<&[WriterId]> {
        match self {
            Self::Bundle(bundle) => Some(&bundle.writers),
            Self::Plain { writers } if writers.is_empty() => None,
            Self::Plain { writers } => Some(writers),
        }
    }

    /// What opens chunks and contents.
    pub fn decryption(&self) -> Decryption {
        match self {
            Self::Bundle(bundle) => Decryption::Identity(bundle.identity.as_age().clone()),
            Self::Plain { .. } => Decryption::None,
        }
    }
}

/// A dump, its two halves agreeing with each other.
#[derive(Clone, Debug)]
pub struct OpenedDump {
    /// The public half.
    pub manifest: Arc<VerifiedManifest>,
    /// The private half.
    pub contents: Arc<Contents>,
    /// Opens the chunks.
    pub decryption: Decryption,
}

impl OpenedDump {
    /// The cluster-wide objects it holds.
    ///
    /// # Errors
    /// `Kind::Usage` if it holds none.
    pub fn globals(&self) -> Result<&Globals> {
        self.contents.catalog.globals.as_ref().ok_or_else(|| {
            Error::new(Kind::Usage, format!("dump {} holds no cluster-wide objects", self.manifest.dump))
                .hint("Leave out --globals, or make a dump with it.")
        })
    }
}

/// Finds a dump by name, by an unambiguous beginning of its name, or as `latest`.
///
/// # Errors
/// `Kind::Usage` when there is none or more than one.
pub async fn find(repository: &Repository, wanted: &str) -> Result<DumpId> {
    let dumps = repository.list_dumps().await?;
    let found: Vec<&DumpId> = match wanted {
        "latest" => dumps.last().into_iter().collect(),
        prefix => dumps.iter().filter(|dump| dump.as_str().starts_with(prefix)).collect(),
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] if dumps.is_empty() => {
            Err(Error::new(Kind::Usage, "the repository holds no dump").hint("`pgfreight dump` makes the first one."))
        }
        [] => {
            Err(Error::new(Kind::Usage, format!("there is no dump {wanted}")).hint("`pgfreight list` names them all."))
        }
        many => Err(Error::new(Kind::Usage, format!("{} dumps begin with {wanted}", many.len()))
            .hint("Give more of the name; `pgfreight list` names them all.")),
    }
}

/// Reads and accepts a manifest.
pub async fn manifest(
    repository: &Repository,
    reader: &Reader,
    dump: &DumpId,
    allow_unsigned: bool,
) -> Result<VerifiedManifest> {
    let read = repository.read_manifest(dump, reader.writers()).await?;
    let acceptance = match reader {
        _ if allow_unsigned => Acceptance::Anything,
        Reader::Plain { writers } if writers.is_empty() => Acceptance::AnySignature,
        Reader::Bundle(_) | Reader::Plain { .. } => Acceptance::Known,
    };
    read.accept(acceptance)
}

/// Whether a reader needs what the entries say. Of a database of many tables that is a third of everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entries {
    /// All they say.
    Kept,
    /// Only which there are, for whoever writes them anew for another server.
    Forgotten,
}

/// Reads both halves and checks that they belong together.
pub async fn open(
    repository: &Repository,
    reader: &Reader,
    dump: &DumpId,
    (allow_unsigned, entries): (bool, Entries),
) -> Result<OpenedDump> {
    let manifest = manifest(repository, reader, dump, allow_unsigned).await?;
    let sealed = repository.read_contents(&manifest).await?;
    let decryption = reader.decryption();
    let plain = seal::open_whole(&sealed, &decryption, CONTENTS_MAX)?;
    let contents = match entries {
        Entries::Kept => Contents::read(plain),
        Entries::Forgotten => Contents::read_without_entries(plain),
    };
    let contents = contents.map_err(ContentsError::into_error)?;
    drop(sealed);
    contents.check(&manifest).map_err(Mismatch::into_error)?;
    Ok(OpenedDump { manifest: Arc::new(manifest), contents: Arc::new(contents), decryption })
}
