//! The repository identity and the bundle that hands it to a person.
//!
//! A reader bundle is an age identity file with comments: whoever opens it with the `age` program has a file that
//! `age -i` takes as it is (promise 12). The comments say which repository it belongs to and which writers to believe.
//! Who pins the repository's recipient also pins the bundle: a forger would have to put the identity into it that
//! belongs to the pinned recipient, and does not have it; see docs/THREAT_MODEL.md.

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::error::{Error, Kind};
use crate::ids::{RepositoryId, WriterId};

/// The age X25519 identity that every chunk of a repository is sealed to.
#[derive(Clone)]
pub struct RepositoryIdentity(age::x25519::Identity);

impl std::fmt::Debug for RepositoryIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepositoryIdentity(public {})", self.recipient())
    }
}

impl RepositoryIdentity {
    /// A new one. (The randomness is drawn by the `age` crate.)
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Its public half, as the descriptor stores it.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// As `age` takes it, to open chunks with.
    pub fn as_age(&self) -> &age::x25519::Identity {
        &self.0
    }
}

/// What a reader needs of a repository.
#[derive(Clone, Debug)]
pub struct ReaderBundle {
    /// The repository it belongs to.
    pub repository: RepositoryId,
    /// Writers whose dumps are to be believed.
    pub writers: Vec<WriterId>,
    /// What opens the chunks.
    pub identity: RepositoryIdentity,
}

impl ReaderBundle {
    /// How the first line begins, whatever the version.
    pub(super) const ANY_FIRST_LINE: &'static str = "# pgfreight reader bundle ";

    /// First line of every bundle of this version.
    pub const FIRST_LINE: &'static str = "# pgfreight reader bundle 1";

    /// The bundle's plaintext.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut text = format!("{}\n# repository: {}\n", Self::FIRST_LINE, self.repository);
        for writer in &self.writers {
            text.push_str(&format!("# writer: {writer}\n"));
        }
        let secret = self.identity.0.to_string();
        let secret = secret.expose_secret().as_bytes();
        // Sized beforehand, so that no copy of the secret is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + secret.len() + 1));
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(secret);
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`ReaderBundle::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why: &str| Error::new(Kind::Format, format!("not a reader bundle: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not text"))?;
        let text = text.strip_suffix('\n').ok_or_else(|| bad("it ends early"))?;
        let mut lines = text.split('\n');
        match lines.next() {
            Some(Self::FIRST_LINE) => {}
            Some(first) if first.starts_with(Self::ANY_FIRST_LINE) => {
                return Err(bad("of a newer version").hint("Read it with a newer pgfreight."));
            }
            _ => return Err(bad("the first line says something else")),
        }
        let repository = lines.next().and_then(|line| line.strip_prefix("# repository: "));
        let repository = repository.and_then(RepositoryId::parse).ok_or_else(|| bad("no repository id"))?;
        let mut writers = Vec::new();
        let mut line = lines.next().ok_or_else(|| bad("it ends early"))?;
        while let Some(writer) = line.strip_prefix("# writer: ") {
            writers.push(WriterId::from_hex(writer).ok_or_else(|| bad("a writer that is none"))?);
            line = lines.next().ok_or_else(|| bad("it ends early"))?;
        }
        let identity = line.parse::<age::x25519::Identity>().map_err(|_| bad("no identity"))?;
        if lines.next().is_some() {
            return Err(bad("something follows the identity"));
        }
        Ok(Self { repository, writers, identity: RepositoryIdentity(identity) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(writers: usize) -> ReaderBundle {
        ReaderBundle {
            repository: RepositoryId::new([7; 16]),
            writers: (0..writers).map(|n| WriterId([n as u8; 32])).collect(),
            identity: RepositoryIdentity::generate(),
        }
    }

    #[test]
    fn round_trips_and_is_an_age_identity_file() {
        for writers in [0, 1, 3] {
            let one = bundle(writers);
            let again = ReaderBundle::decode(&one.encode()).unwrap();
            assert_eq!((again.repository, again.writers), (one.repository.clone(), one.writers.clone()));
            assert_eq!(again.identity.recipient(), one.identity.recipient());
            assert!(age::IdentityFile::from_buffer(one.encode().as_slice()).is_ok());
        }
    }

    #[test]
    fn every_other_text_is_refused() {
        let good = String::from_utf8(bundle(1).encode().to_vec()).unwrap();
        for bad in [
            String::new(),
            good.replace("bundle 1", "bundle 2"),
            good.replace("# repository: 07", "# repository: 0G"),
            good.replace("# writer: ", "# writer:"),
            format!("{good}# more\n"),
            good.trim_end().to_owned(),
            good.replace('\n', "\r\n"),
        ] {
            assert!(ReaderBundle::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let one = bundle(1);
        let secret = one.identity.0.to_string();
        assert!(!format!("{one:?}").contains(secret.expose_secret()));
    }
}
