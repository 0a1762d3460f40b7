//! Identity files, passphrases, writer keys: read where they lie, never shown.

use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgfreight_engine::keys::{Identities, Label, Prompt, Recipients, Wrap, WriterKey};
use pgfreight_engine::{Error, Kind};
use secrecy::{ExposeSecret, SecretString};

/// Largest file taken for a passphrase, an identity or a list of recipients.
const FILE_MAX: u64 = 1 << 20;

/// Where a passphrase comes from.
#[derive(Clone, Debug, Default)]
pub enum PassphraseSource {
    /// There is none.
    #[default]
    None,
    /// The terminal.
    Prompt,
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Variable(SecretString),
}

impl PassphraseSource {
    /// The passphrase, if there is a source; `what` is what the terminal asks for, `twice` asks again to be sure.
    ///
    /// # Errors
    /// `Kind::Identity` if it cannot be had or is empty; `Kind::Usage` if the two do not agree.
    pub fn read(&self, what: &str, twice: bool) -> Result<Option<SecretString>, Error> {
        let passphrase = match self {
            Self::None => return Ok(None),
            Self::Variable(passphrase) => passphrase.clone(),
            Self::File(path) => first_line(path)?,
            Self::Prompt => {
                let first = ask(what).map_err(no_terminal)?;
                if twice && ask("once more").map_err(no_terminal)?.expose_secret() != first.expose_secret() {
                    return Err(Error::new(Kind::Usage, "the two passphrases differ"));
                }
                first
            }
        };
        if passphrase.expose_secret().is_empty() {
            return Err(Error::new(Kind::Identity, "the passphrase is empty"));
        }
        Ok(Some(passphrase))
    }
}

/// Asks on the terminal, without echo; never on standard input.
pub fn ask(what: &str) -> io::Result<SecretString> {
    rpassword::prompt_password(format!("{what}: ")).map(SecretString::from)
}

/// How the engine asks for the passphrase of an identity file or an SSH key.
pub fn prompt() -> Prompt {
    Arc::new(|what| ask(what).ok())
}

fn no_terminal(error: io::Error) -> Error {
    Error::new(Kind::Identity, "cannot ask for the passphrase")
        .because(error)
        .hint("Without a terminal, use --passphrase-file or PGFREIGHT_PASSPHRASE_FILE.")
}

fn first_line(path: &Path) -> Result<SecretString, Error> {
    let refused = |error: io::Error| {
        Error::new(Kind::Identity, format!("cannot read the passphrase file {}", path.display())).because(error)
    };
    let mut line = String::new();
    let file = fs::File::open(path).map_err(refused)?;
    io::BufReader::new(io::Read::take(file, FILE_MAX)).read_line(&mut line).map_err(refused)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(SecretString::from(line))
}

/// What a reader brings.
///
/// # Errors
/// `Kind::Identity` naming the file.
pub fn identities(files: &[PathBuf], passphrase: &PassphraseSource) -> Result<Identities, Error> {
    let mut identities = Identities::new();
    for path in files {
        let bytes = read_small(path, Kind::Identity, "identity file")?;
        identities.add_file(&path.display().to_string(), &bytes, &prompt())?;
    }
    if let Some(passphrase) = passphrase.read("passphrase of the repository", false)? {
        identities.add_passphrase(passphrase);
    }
    Ok(identities)
}

/// Whom a bundle is wrapped for: recipients and a passphrase cannot share one, so there may be two.
///
/// # Errors
/// `Kind::Usage` for what is no recipient.
pub fn wraps(
    label: &Label,
    (words, files): (&[String], &[PathBuf]),
    passphrase: &PassphraseSource,
) -> Result<Vec<(Label, Wrap)>, Error> {
    let mut recipients = Recipients::new();
    for word in words {
        recipients.add(word)?;
    }
    for path in files {
        let bytes = read_small(path, Kind::Usage, "recipients file")?;
        recipients.add_file(&path.display().to_string(), &String::from_utf8_lossy(&bytes))?;
    }
    let mut wraps = Vec::new();
    if !recipients.is_empty() {
        wraps.push((label.clone(), Wrap::Recipients(recipients)));
    }
    if let Some(passphrase) = passphrase.read("new passphrase", true)? {
        let label = if wraps.is_empty() { label.clone() } else { Label::parse(&format!("{label}-passphrase"))? };
        wraps.push((label, Wrap::passphrase(passphrase)));
    }
    Ok(wraps)
}

/// Reads this host's writer key; `warn` hears of a file that others can read.
///
/// # Errors
/// `Kind::Identity`.
pub fn writer_key(path: &Path, warn: impl FnOnce(&str)) -> Result<WriterKey, Error> {
    let bytes = read_small(path, Kind::Identity, "writer key file").map_err(|error| {
        error.hint("It was written by `pgfreight init`; name it with --writer-key or PGFREIGHT_WRITER_KEY.")
    })?;
    if fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o007 != 0) {
        warn(&format!("everybody on this host can read the writer key {}; chmod 600 it", path.display()));
    }
    WriterKey::decode(&bytes).map_err(|error| error.context(path.display()))
}

/// A writer key file that is there but empty until [`KeyFile::write`]; dropped before, it is removed.
#[derive(Debug)]
#[must_use]
pub struct KeyFile {
    path: PathBuf,
    file: Option<fs::File>,
}

impl KeyFile {
    /// Creates the file, readable by its owner only, and refuses one that exists.
    ///
    /// # Errors
    /// `Kind::Usage` if it exists, `Kind::Identity` if it cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| cannot_write(path, error))?;
        }
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::new(Kind::Usage, format!("the writer key file {} exists already", path.display()))
                    .hint("A writer key is never overwritten; name another file with --writer-key."))
            }
            Err(error) => Err(cannot_write(path, error)),
        }
    }

    /// Writes the key, durably.
    ///
    /// # Errors
    /// `Kind::Identity`.
    pub fn write(mut self, key: &WriterKey) -> Result<(), Error> {
        let bytes = key.encode()?;
        if let Some(mut file) = self.file.take() {
            let written = file.write_all(&bytes).and_then(|()| file.sync_all());
            written.map_err(|error| cannot_write(&self.path, error))?;
        }
        Ok(())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::Identity, format!("cannot write the writer key file {}", path.display())).because(error)
}

fn read_small(path: &Path, kind: Kind, what: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    let refused =
        |error: io::Error| Error::new(kind, format!("cannot read the {what} {}", path.display())).because(error);
    let file = fs::File::open(path).map_err(refused)?;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    io::Read::read_to_end(&mut io::Read::take(file, FILE_MAX + 1), &mut bytes).map_err(refused)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Error::new(kind, format!("the {what} {} is too large to be one", path.display())));
    }
    Ok(bytes)
}

/// A connection string as it may be shown: no password in a URI, none behind `password=`, no query secrets.
pub fn redacted(connection: &str) -> String {
    if let Some((scheme, rest)) = connection.split_once("://") {
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
            None => authority.to_owned(),
        };
        return format!("{scheme}://{authority}{}", tail.split('?').next().unwrap_or_default());
    }
    if connection.contains('=') { "key=value words (not shown)".to_owned() } else { connection.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_lose_their_secrets() {
        assert_eq!(redacted("postgresql://me:se@cret@db:5432/shop?password=x"), "postgresql://me@db:5432/shop");
        assert_eq!(redacted("postgresql:///shop?password=hunter2"), "postgresql:///shop");
        assert!(!redacted("host=db password='a b'").contains("a b"));
        assert_eq!(redacted("shop"), "shop");
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/writer.key");
        let file = KeyFile::create(&path).expect("created");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(KeyFile::create(&path).expect_err("refused").kind(), Kind::Usage);
        drop(file);
        assert!(!path.exists(), "an unwritten key file stays behind");
    }

    #[test]
    fn passphrases_come_from_files_without_their_line_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("phrase");
        fs::write(&path, "correct horse \r\nsecond line\n").expect("written");
        let phrase = PassphraseSource::File(path.clone()).read("x", true).expect("read").expect("some");
        assert_eq!(phrase.expose_secret(), "correct horse ");
        fs::write(&path, "\n").expect("written");
        assert!(PassphraseSource::File(path).read("x", false).is_err());
    }
}
