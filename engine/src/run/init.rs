//! `init`: makes a repository, its identity, the readers' bundles and the first writer key.

use crate::error::{Error, Kind, Result};
use crate::format::CURRENT;
use crate::format::descriptor::Descriptor;
use crate::ids::RepositoryId;
use crate::keys::{Label, ReaderBundle, RepositoryIdentity, Wrap, WriterKey};
use crate::store::{Repository, Store, StoreConfig};

/// A repository that was just made.
#[derive(Debug)]
pub struct Created {
    /// Its name for itself.
    pub repository: RepositoryId,
    /// Whom dumps are sealed to; `None` without encryption.
    pub recipient: Option<String>,
    /// What the dump host keeps, in a file only it can read.
    pub writer: WriterKey,
}

/// Makes a repository. `readers` are wrapped one bundle each; none means no encryption.
///
/// The writer key is returned last, so that nobody can dump into a repository that nobody could read.
///
/// # Errors
/// `Kind::Store`, also if the place already is a repository; `Kind::Usage` if a label stands twice.
pub async fn init(store: &StoreConfig, readers: &[(Label, Wrap)]) -> Result<Created> {
    if (1..readers.len()).any(|at| readers[..at].iter().any(|(label, _)| *label == readers[at].0)) {
        return Err(Error::new(Kind::Usage, "two bundles would have the same name"));
    }
    let identity = (!readers.is_empty()).then(RepositoryIdentity::generate);
    let recipient = identity.as_ref().map(RepositoryIdentity::recipient);
    let mut id = [0; 16];
    fill(&mut id)?;
    let mut failed = Ok(());
    let mut random = |bytes: &mut [u8]| {
        if let Err(error) = fill(bytes) {
            failed = Err(error);
        }
    };
    let writer = WriterKey::generate(RepositoryId::new(id), recipient.clone(), &mut random);
    failed?;
    let descriptor = Descriptor {
        encryption: identity.is_some(),
        format: CURRENT,
        recipient: recipient.clone(),
        repository: RepositoryId::new(id),
    };
    let repository = Repository::init(Store::create(store).await?, descriptor).await?;
    if let Some(identity) = identity {
        let bundle = ReaderBundle { repository: RepositoryId::new(id), writers: vec![writer.id()], identity };
        for (label, wrap) in readers {
            repository.put_bundle(label, &bundle, wrap, false).await?;
            repository.put_writer_bundle(label, &writer, wrap, false).await?;
        }
    }
    Ok(Created { repository: RepositoryId::new(id), recipient, writer })
}

/// Randomness from the operating system.
fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::new(Kind::Bug, "the system gives no randomness").because(error))
}
