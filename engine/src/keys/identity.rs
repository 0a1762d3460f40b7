//! What opens: identity files of people, SSH private keys, passphrases.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::bundle::ReaderBundle;
use crate::error::{Error, Kind};
use crate::limits;

/// Asks a person for a passphrase; the argument says what for. `None` when nobody can be asked.
pub type Prompt = Arc<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// A prompt for callers that cannot ask.
pub fn nobody_to_ask() -> Prompt {
    Arc::new(|_| None)
}

/// Everything a reader brings to open bundles with.
#[derive(Default)]
pub struct Identities {
    people: Vec<Box<dyn age::Identity + Send + Sync>>,
    passphrases: Vec<SecretString>,
    bundles: Vec<ReaderBundle>,
    /// Set when a key needed a passphrase and nobody gave one: age then passes over the key in silence.
    unanswered: Arc<AtomicBool>,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (people, passphrases) = (self.people.len(), self.passphrases.len());
        write!(f, "Identities {{ people: {people}, passphrases: {passphrases}, bundles: {} }}", self.bundles.len())
    }
}

/// age's callback object around a [`Prompt`].
#[derive(Clone)]
struct Asking {
    prompt: Prompt,
    answers: Arc<Mutex<HashMap<String, SecretString>>>,
    unanswered: Arc<AtomicBool>,
}

impl age::Callbacks for Asking {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        // age asks once per bundle it tries; a person is asked once.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(description) {
            return Some(answer.clone());
        }
        let answer = (self.prompt)(description);
        match &answer {
            Some(answer) => drop(answers.insert(description.to_owned(), answer.clone())),
            None => self.unanswered.store(true, Ordering::Relaxed),
        }
        answer
    }
}

impl Identities {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to open with.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.passphrases.is_empty() && self.bundles.is_empty()
    }

    /// Adds a passphrase to try on bundles that were closed with one.
    pub fn add_passphrase(&mut self, passphrase: SecretString) {
        self.passphrases.push(passphrase);
    }

    /// Adds an identity file: age identity lines, an SSH private key (with passphrase or without), an age identity
    /// file that is itself closed with a passphrase, or an opened reader bundle.
    pub fn add_file(&mut self, name: &str, bytes: &[u8], prompt: &Prompt) -> Result<(), Error> {
        if bytes.len() as u64 > limits::SMALL_FILE_MAX {
            return Err(refused(name, "is too large for an identity file"));
        }
        if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            let plain = open_closed_file(name, bytes, prompt)?;
            return self.add_plain_file(name, &plain, prompt);
        }
        self.add_plain_file(name, bytes, prompt)
    }

    fn asking(&self, prompt: &Prompt) -> Asking {
        Asking { prompt: prompt.clone(), answers: Arc::default(), unanswered: self.unanswered.clone() }
    }

    fn add_plain_file(&mut self, name: &str, bytes: &[u8], prompt: &Prompt) -> Result<(), Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| refused(name, "is not a text file"))?;
        if text.starts_with(ReaderBundle::ANY_FIRST_LINE) {
            let bundle = ReaderBundle::decode(bytes).map_err(|error| error.context(format!("identity file {name}")))?;
            self.bundles.push(bundle);
            return Ok(());
        }
        if text.contains("-----BEGIN ") {
            return self.add_ssh(name, bytes, prompt);
        }
        let bad = |_| refused(name, "holds lines that are no age identities");
        let file = age::IdentityFile::from_buffer(bytes).map_err(bad)?;
        let identities = file.with_callbacks(self.asking(prompt)).into_identities();
        let identities = identities.map_err(|error| refused(name, "cannot be used").because(error.to_string()))?;
        if identities.is_empty() {
            return Err(refused(name, "holds no identity"));
        }
        self.people.extend(identities);
        Ok(())
    }

    fn add_ssh(&mut self, name: &str, bytes: &[u8], prompt: &Prompt) -> Result<(), Error> {
        let parsed = age::ssh::Identity::from_buffer(bytes, Some(name.to_owned()));
        let identity = parsed.map_err(|_| refused(name, "is not an SSH private key that can be read"))?;
        if let age::ssh::Identity::Unsupported(_) = &identity {
            return Err(refused(name, "is an SSH key of a kind that cannot decrypt")
                .hint("Use an ssh-ed25519 or ssh-rsa key in OpenSSH's format (ssh-keygen -o -p converts old ones)."));
        }
        self.people.push(Box::new(identity.with_callbacks(self.asking(prompt))));
        Ok(())
    }

    /// Opened reader bundles that were brought along as files.
    pub fn opened_bundles(&self) -> &[ReaderBundle] {
        &self.bundles
    }

    /// Tries everything on one wrapped secret; `None` when nothing fits.
    pub fn open(&self, sealed: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let damaged = || Error::new(Kind::Format, "not a sound age file");
        let closed_by_passphrase = age::Decryptor::new_buffered(sealed).map_err(|_| damaged())?.is_scrypt();
        let scrypt: Vec<_>;
        let candidates: Vec<&dyn age::Identity> = if closed_by_passphrase {
            scrypt = self.passphrases.iter().map(|phrase| age::scrypt::Identity::new(phrase.clone())).collect();
            scrypt.iter().map(|identity| identity as &dyn age::Identity).collect()
        } else {
            self.people.iter().map(|identity| &**identity as &dyn age::Identity).collect()
        };
        for candidate in candidates {
            let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| damaged())?;
            match decryptor.decrypt(std::iter::once(candidate)) {
                Ok(stream) => return read_small(stream).map(Some),
                // A wrong passphrase is told by a failed decryption; the next one may be right.
                Err(age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed) => {}
                Err(age::DecryptError::KeyDecryptionFailed) => {
                    return Err(Error::new(Kind::Identity, "the passphrase of the SSH key is wrong or was not given"));
                }
                Err(age::DecryptError::ExcessiveWork { .. }) => {
                    return Err(Error::new(Kind::Identity, "the bundle asks for too much scrypt work")
                        .hint("An honest bundle takes about a second; somebody may have replaced it."));
                }
                Err(other) => return Err(damaged().because(other.to_string())),
            }
        }
        if self.unanswered.swap(false, Ordering::Relaxed) {
            return Err(Error::new(Kind::Identity, "the SSH key needs a passphrase and nobody can be asked for it"));
        }
        Ok(None)
    }
}

/// Opens an identity file that is an age file itself.
fn open_closed_file(name: &str, bytes: &[u8], prompt: &Prompt) -> Result<Zeroizing<Vec<u8>>, Error> {
    let armored = age::armor::ArmoredReader::new(bytes);
    let decryptor = age::Decryptor::new_buffered(armored).map_err(|_| refused(name, "is a damaged age file"))?;
    if !decryptor.is_scrypt() {
        return Err(refused(name, "is an age file, but not one closed with a passphrase")
            .hint("Open it first (age -d) and give the result."));
    }
    let passphrase = prompt(&format!("passphrase for identity file {name}"))
        .ok_or_else(|| refused(name, "is closed with a passphrase and nobody can be asked for it"))?;
    let identity = age::scrypt::Identity::new(passphrase);
    let stream = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity));
    read_small(stream.map_err(|_| refused(name, "does not open with this passphrase"))?)
}

fn read_small(stream: impl Read) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut plain = Zeroizing::new(Vec::with_capacity(8 << 10));
    let read = stream.take(limits::SMALL_FILE_MAX).read_to_end(&mut plain);
    read.map_err(|error| Error::new(Kind::Identity, "it opens, but it is damaged").because(error))?;
    Ok(plain)
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(Kind::Identity, format!("identity file {name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Recipients, Wrap};
    use super::*;

    fn key_pair() -> (String, String) {
        use secrecy::ExposeSecret;
        let identity = age::x25519::Identity::generate();
        (identity.to_string().expose_secret().to_owned(), identity.to_public().to_string())
    }

    #[test]
    fn the_right_identity_opens_and_others_do_not() {
        let (secret, public) = key_pair();
        let mut to = Recipients::new();
        to.add(&public).unwrap();
        let sealed = Wrap::Recipients(to).seal(b"treasure").unwrap();
        let mut mine = Identities::new();
        mine.add_file("me", format!("# me\n{secret}\n").as_bytes(), &nobody_to_ask()).unwrap();
        assert_eq!(mine.open(&sealed).unwrap().unwrap().as_slice(), b"treasure");
        let mut other = Identities::new();
        other.add_file("you", key_pair().0.as_bytes(), &nobody_to_ask()).unwrap();
        assert!(other.open(&sealed).unwrap().is_none());
        assert!(mine.open(&sealed[..40]).is_err());
    }

    #[test]
    fn passphrases_are_tried_one_after_the_other() {
        let wrap = Wrap::Passphrase { passphrase: "correct horse".to_owned().into(), work: 2 };
        let sealed = wrap.seal(b"treasure").unwrap();
        let mut identities = Identities::new();
        identities.add_passphrase("wrong".to_owned().into());
        assert!(identities.open(&sealed).unwrap().is_none());
        identities.add_passphrase("correct horse".to_owned().into());
        assert_eq!(identities.open(&sealed).unwrap().unwrap().as_slice(), b"treasure");
    }

    #[test]
    fn a_closed_identity_file_asks_for_its_passphrase() {
        let (secret, public) = key_pair();
        let closed = Wrap::Passphrase { passphrase: "hush".to_owned().into(), work: 2 };
        let closed = closed.seal(secret.as_bytes()).unwrap();
        let mut identities = Identities::new();
        assert!(identities.add_file("me", &closed, &nobody_to_ask()).is_err());
        let prompt: Prompt = Arc::new(|_| Some("hush".to_owned().into()));
        identities.add_file("me", &closed, &prompt).unwrap();
        let mut to = Recipients::new();
        to.add(&public).unwrap();
        assert!(identities.open(&Wrap::Recipients(to).seal(b"x").unwrap()).unwrap().is_some());
    }

    #[test]
    fn refusals_never_repeat_the_file() {
        let (secret, _) = key_pair();
        let text = format!("{}x", secret);
        let error = Identities::new().add_file("me", text.as_bytes(), &nobody_to_ask()).unwrap_err();
        assert!(!format!("{error:?}").contains(&secret[20..40]));
    }
}
