//! To whom something is wrapped: age X25519 recipients, SSH public keys, passphrases.

use std::io::Write;

use secrecy::SecretString;

use crate::error::{Error, Kind};

/// One or more people's public keys.
#[derive(Clone, Default)]
pub struct Recipients {
    age: Vec<age::x25519::Recipient>,
    ssh: Vec<age::ssh::Recipient>,
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipients").field("age", &self.age.len()).field("ssh", &self.ssh.len()).finish()
    }
}

impl Recipients {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.age.len() + self.ssh.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one, as `-r` takes it: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.
    pub fn add(&mut self, text: &str) -> Result<(), Error> {
        let text = text.trim();
        if let Ok(recipient) = text.parse::<age::x25519::Recipient>() {
            self.age.push(recipient);
            return Ok(());
        }
        if ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix)) {
            let parsed = text.parse::<age::ssh::Recipient>().map_err(|error| ssh_refusal(text, &error))?;
            self.ssh.push(parsed);
            return Ok(());
        }
        if text.starts_with("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY") {
            // The text is a secret: it is not repeated.
            return Err(Error::new(Kind::Usage, "that is a private key, not a recipient")
                .hint("Give the public key (age-keygen -y, or the .pub file) and consider the private one exposed."));
        }
        let start: String = text.chars().take(24).collect();
        Err(Error::new(Kind::Usage, format!("not a recipient: {start:?}"))
            .hint("A recipient is an age public key (age1…) or an SSH public key (ssh-ed25519 … or ssh-rsa …)."))
    }

    /// Adds those of a file, as `-R` takes it: one per line, blank lines and `#` comments skipped.
    pub fn add_file(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let before = self.len();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.add(line).map_err(|error| error.context(format!("{name}, line {}", at + 1)))?;
            }
        }
        if self.len() == before {
            return Err(Error::new(Kind::Usage, format!("{name} names no recipients")));
        }
        Ok(())
    }

    fn dynamic(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        let age = self.age.iter().map(|recipient| recipient as &dyn age::Recipient);
        age.chain(self.ssh.iter().map(|recipient| recipient as &dyn age::Recipient))
    }
}

fn ssh_refusal(text: &str, error: &age::ssh::ParseRecipientKeyError) -> Error {
    use age::ssh::ParseRecipientKeyError as E;
    let kind = text.split_whitespace().next().unwrap_or_default();
    let why = match error {
        E::RsaModulusTooSmall => "the RSA key is shorter than 2048 bits".to_owned(),
        E::RsaModulusTooLarge => "the RSA key is longer than supported".to_owned(),
        E::Unsupported(_) | E::Ignore => format!("SSH keys of type {kind} cannot decrypt"),
        _ => "the SSH public key is damaged".to_owned(),
    };
    Error::new(Kind::Usage, format!("not a recipient: {why}")).hint("Use an ssh-ed25519 or ssh-rsa key, or an age key.")
}

/// log2 of scrypt's work for a passphrase: 128 MiB and some tenths of a second, for whoever opens the bundle as for whoever
/// guesses (RFC 7914; the least that OWASP's password storage cheat sheet names for scrypt). age would aim for a second of this
/// machine's time, and so for half a gigabyte of memory of every machine that ever opens it (promise 7).
const WORK: u8 = 17;

/// How a bundle is closed. age does not mix the two in one file.
#[derive(Clone, Debug)]
pub enum Wrap {
    /// To public keys.
    Recipients(Recipients),
    /// With a passphrase (scrypt).
    Passphrase {
        /// The passphrase.
        passphrase: SecretString,
        /// log2 of scrypt's work, 1 to 22. Only tests choose.
        work: u8,
    },
}

impl Wrap {
    /// A passphrase with the usual work.
    pub fn passphrase(passphrase: SecretString) -> Self {
        Self::Passphrase { passphrase, work: WORK }
    }

    /// Wraps a small secret as one age file.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let encryptor = match self {
            Self::Recipients(recipients) => age::Encryptor::with_recipients(recipients.dynamic()),
            Self::Passphrase { passphrase, work } => {
                let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor((*work).clamp(1, 22));
                age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            }
        };
        let encryptor = encryptor.map_err(|error| match error {
            age::EncryptError::MissingRecipients => Error::new(Kind::Usage, "nobody to wrap the key for")
                .hint("Name at least one recipient (-r, -R) or a passphrase."),
            other => Error::new(Kind::Identity, "cannot wrap the key").because(other.to_string()),
        })?;
        let bug = |error: std::io::Error| Error::new(Kind::Bug, "wrapping a key failed in memory").because(error);
        let mut sealed = Vec::with_capacity(plain.len() + 512);
        let mut stream = encryptor.wrap_output(&mut sealed).map_err(bug)?;
        stream.write_all(plain).map_err(bug)?;
        stream.finish().map_err(bug)?;
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@example";

    #[test]
    fn a_recipients_file_may_mix_kinds_and_comments() {
        let mut recipients = Recipients::new();
        recipients.add_file("team.txt", &format!("# the team\n\n{AGE}\n  {SSH}\n")).unwrap();
        assert_eq!(recipients.len(), 2);
    }

    #[test]
    fn what_is_no_recipient_is_refused_with_advice() {
        let mut recipients = Recipients::new();
        for (text, part) in [
            ("", "not a recipient"),
            ("age1xyz", "not a recipient"),
            ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=", "SSH"),
            ("AGE-SECRET-KEY-1XYZ", "private key"),
        ] {
            let error = recipients.add(text).unwrap_err();
            assert!(error.what().contains(part), "{text}: {}", error.what());
            assert!(!error.what().contains("1XYZ"));
        }
        assert!(recipients.add_file("empty.txt", "# nobody\n").is_err());
        assert!(Wrap::Recipients(recipients).seal(b"x").is_err());
    }
}
