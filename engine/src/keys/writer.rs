//! The writer key: what a dump host holds. It writes and cannot read.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Kind};
use crate::format::{CURRENT, FormatVersion, canonical, check_version};
use crate::ids::{RepositoryId, TableTag, WriterId};

/// A source of randomness: fills the slice.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Names content, signs dumps, and pins the repository it writes to.
#[derive(Clone)]
pub struct WriterKey {
    repository: RepositoryId,
    recipient: Option<String>,
    content: Zeroizing<[u8; 32]>,
    signing: SigningKey,
}

impl std::fmt::Debug for WriterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriterKey")
            .field("repository", &self.repository)
            .field("recipient", &self.recipient)
            .field("writer", &self.id())
            .finish_non_exhaustive()
    }
}

/// The file's fields.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    content_key: String,
    format: FormatVersion,
    kind: String,
    recipient: Option<String>,
    repository: RepositoryId,
    signing_key: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.content_key.zeroize();
        self.signing_key.zeroize();
    }
}

const KIND: &str = "pgfreight writer key";

impl WriterKey {
    /// A new key for a repository; `recipient` is `None` without encryption.
    pub fn generate(repository: RepositoryId, recipient: Option<String>, random: Random<'_>) -> Self {
        let mut content = Zeroizing::new([0; 32]);
        random(content.as_mut());
        let mut seed = Zeroizing::new([0; 32]);
        random(seed.as_mut());
        Self { repository, recipient, content, signing: SigningKey::from_bytes(&seed) }
    }

    /// The repository it writes to.
    pub fn repository(&self) -> &RepositoryId {
        &self.repository
    }

    /// The recipient it seals to; `None` without encryption.
    pub fn recipient(&self) -> Option<&str> {
        self.recipient.as_deref()
    }

    /// Its public half.
    pub fn id(&self) -> WriterId {
        WriterId(self.signing.verifying_key().to_bytes())
    }

    /// What signs manifests and journal records.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Keys content ids ([`crate::seal::content_id`]).
    pub fn content_key(&self) -> Zeroizing<[u8; 32]> {
        self.subkey("pgfreight 1 content id")
    }

    /// What public files call a table: a keyed digest of the database's identity, schema and name.
    pub fn table_tag(&self, database: &str, schema: &str, name: &str) -> TableTag {
        let mut hasher = blake3::Hasher::new_keyed(&self.subkey("pgfreight 1 table tag"));
        for part in [database, schema, name] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        TableTag(*hasher.finalize().as_bytes())
    }

    /// One key per purpose, so that none of them tells anything about another.
    fn subkey(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(purpose, self.content.as_ref()))
    }

    /// The key file's bytes: canonical JSON and a newline.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let stored = Stored {
            content_key: hex::encode(*self.content),
            format: CURRENT,
            kind: KIND.to_owned(),
            recipient: self.recipient.clone(),
            repository: self.repository.clone(),
            signing_key: hex::encode(*Zeroizing::new(self.signing.to_bytes())),
        };
        let bytes = canonical::encode(&stored);
        let mut bytes = bytes.map_err(|error| Error::new(Kind::Bug, "writer key has no form").because(error))?;
        bytes.push(b'\n');
        Ok(Zeroizing::new(bytes))
    }

    /// Reads a key file. Nothing of its content enters an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why: &str| {
            Error::new(Kind::Identity, format!("not a writer key file: {why}"))
                .hint("Use the file that init wrote, or recover it from the repository's writer bundle.")
        };
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let stored: Stored = canonical::decode(body).map_err(|_| bad("not in its form"))?;
        if stored.kind != KIND {
            return Err(bad("it is something else"));
        }
        let newer = |found: FormatVersion| bad(&format!("of format version {}.{}", found.major, found.minor));
        check_version(stored.format).map_err(newer)?;
        let content = secret(&stored.content_key).ok_or_else(|| bad("no content key"))?;
        let seed = secret(&stored.signing_key).ok_or_else(|| bad("no signing key"))?;
        let signing = SigningKey::from_bytes(&seed);
        Ok(Self { repository: stored.repository.clone(), recipient: stored.recipient.clone(), content, signing })
    }
}

fn secret(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut()).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> WriterKey {
        let mut next = seed;
        let mut random = |bytes: &mut [u8]| {
            bytes.fill(next);
            next = next.wrapping_add(1);
        };
        WriterKey::generate(RepositoryId::new([9; 16]), Some("age1example".into()), &mut random)
    }

    #[test]
    fn the_file_round_trips() {
        let one = key(1);
        let again = WriterKey::decode(&one.encode().unwrap()).unwrap();
        assert_eq!((again.id(), again.recipient()), (one.id(), one.recipient()));
        assert_eq!(again.table_tag("db", "public", "t"), one.table_tag("db", "public", "t"));
    }

    #[test]
    fn the_file_has_one_form() {
        let file = String::from_utf8(key(1).encode().unwrap().to_vec()).unwrap();
        assert!(file.starts_with("{\"content_key\":\"0101"), "{file}");
        for bad in [
            file.replace("writer key", "reader key"),
            file.replace("\"major\":1", "\"major\":2"),
            file.replace("\"content_key\":\"01", "\"content_key\":\"0g"),
            file.replace(',', ", "),
            file[..40].to_owned(),
        ] {
            let error = WriterKey::decode(bad.as_bytes()).unwrap_err();
            assert!(!format!("{error:?}").contains("0101"), "{error:?}");
        }
    }

    #[test]
    fn tags_and_content_ids_depend_on_the_key_and_on_where_names_end() {
        let one = key(1);
        assert_ne!(one.table_tag("d", "ab", "c"), one.table_tag("d", "a", "bc"));
        assert_ne!(one.table_tag("d", "a", "b"), key(2).table_tag("d", "a", "b"));
        let id = |key: &WriterKey| crate::seal::content_id(&key.content_key(), crate::ids::Digest([7; 32]));
        assert_ne!(id(&one), id(&key(2)));
        assert_ne!(id(&one).0, [7; 32]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", key(1));
        assert!(!shown.contains("010101") && !shown.contains("020202"), "{shown}");
    }
}
