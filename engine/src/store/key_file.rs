//! Key files on this machine.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Kind, Result};
use crate::keys::WriterKey;
use crate::limits;

/// Writes a writer key file, readable by its owner alone; never over an existing file.
pub fn write_writer_key(path: &Path, key: &WriterKey) -> Result<()> {
    let failed = |error: std::io::Error| {
        let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
        let failed = Error::new(Kind::Identity, format!("cannot write the writer key to {}", path.display()));
        let hint = if exists { "Move the old file away first." } else { "Choose a place this user may write." };
        failed.because(error).hint(hint)
    };
    let bytes = key.encode()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Reads a writer key file; refuses one that others than its owner could read.
pub fn read_writer_key(path: &Path) -> Result<WriterKey> {
    let (file, bytes) = read(path, "writer key")?;
    private(&file, path)?;
    WriterKey::decode(&bytes).map_err(|error| error.context(path.display()))
}

/// Reads an identity file (age identities, an SSH private key, an opened bundle).
pub fn read_identity_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    read(path, "identity file").map(|(_, bytes)| bytes)
}

fn read(path: &Path, what: &str) -> Result<(File, Zeroizing<Vec<u8>>)> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Identity, format!("cannot read the {what} {}", path.display())).because(error)
    };
    let file = File::open(path).map_err(failed)?;
    // Sized beforehand, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    (&file).take(limits::SMALL_FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits::SMALL_FILE_MAX {
        return Err(Error::new(Kind::Identity, format!("{} is too large for a {what}", path.display())));
    }
    Ok((file, bytes))
}

#[cfg(unix)]
fn private(file: &File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map(|facts| facts.permissions().mode() & 0o777);
    match mode {
        Ok(mode) if mode & 0o077 == 0 => Ok(()),
        Ok(mode) => {
            let what = format!("the writer key {} has permissions {mode:03o}: others could read it", path.display());
            Err(Error::new(Kind::Identity, what).hint(format!("Run: chmod 600 {}", path.display())))
        }
        Err(error) => Err(Error::new(Kind::Identity, format!("cannot examine {}", path.display())).because(error)),
    }
}

#[cfg(not(unix))]
fn private(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::ids::RepositoryId;

    #[test]
    fn a_writer_key_file_is_private_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writer.key");
        let key = WriterKey::generate(RepositoryId::new([1; 16]), None, &mut |bytes| bytes.fill(7));
        write_writer_key(&path, &key).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_writer_key(&path).unwrap().id(), key.id());
        assert!(write_writer_key(&path, &key).is_err());
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = read_writer_key(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Identity);
            assert!(error.advice().unwrap().starts_with("Run: chmod 600 "));
        }
    }
}
