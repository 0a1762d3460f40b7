//! The descriptor, `pgfreight.json`: what makes a folder a repository. Written once, by `init`.

use serde::{Deserialize, Serialize};

use super::canonical::{self, CanonicalError};
use super::{CURRENT, FormatVersion, check_version};
use crate::ids::RepositoryId;
use crate::limits;

/// A repository's public facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// False only in repositories made with `--no-encryption`.
    pub encryption: bool,
    /// Format version of the repository's layout.
    pub format: FormatVersion,
    /// Public half of the repository identity (age X25519, `age1…`); `null` without encryption.
    pub recipient: Option<String>,
    /// The repository's name for itself.
    pub repository: RepositoryId,
}

/// Why a descriptor is refused.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// No descriptor is this large.
    #[error("{0} bytes are too many for a descriptor")]
    TooLarge(usize),
    /// Written for readers of another major version.
    #[error("format version {}.{} (this program reads {}.x)", found.major, found.minor, CURRENT.major)]
    Version {
        /// What it says.
        found: FormatVersion,
    },
    /// Not canonical JSON of the right shape.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Encryption without recipient, or a recipient without encryption.
    #[error("its recipient does not go with encryption: {0}")]
    Encryption(bool),
    /// Not an age X25519 recipient in its one spelling.
    #[error("its recipient is not an age X25519 public key")]
    Recipient,
}

/// What every version's descriptor says in the same place.
#[derive(Deserialize)]
struct Needs {
    format: FormatVersion,
}

impl Descriptor {
    /// A descriptor of this version.
    pub fn new(repository: RepositoryId, recipient: Option<String>) -> Self {
        Self { encryption: recipient.is_some(), format: CURRENT, recipient, repository }
    }

    /// Its stored form: canonical JSON without a newline.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode(self)
    }

    /// Reads what [`Descriptor::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DescriptorError> {
        if bytes.len() as u64 > limits::SMALL_FILE_MAX {
            return Err(DescriptorError::TooLarge(bytes.len()));
        }
        let needs: Needs = serde_json::from_slice(bytes).map_err(CanonicalError::from)?;
        check_version(needs.format).map_err(|found| DescriptorError::Version { found })?;
        let descriptor: Self = canonical::decode(bytes)?;
        if descriptor.encryption != descriptor.recipient.is_some() {
            return Err(DescriptorError::Encryption(descriptor.encryption));
        }
        descriptor.age_recipient()?;
        Ok(descriptor)
    }

    /// The recipient as `age` takes it; `None` without encryption.
    pub fn age_recipient(&self) -> Result<Option<age::x25519::Recipient>, DescriptorError> {
        let Some(text) = &self.recipient else { return Ok(None) };
        let recipient: age::x25519::Recipient = text.parse().map_err(|_| DescriptorError::Recipient)?;
        if recipient.to_string() == *text { Ok(Some(recipient)) } else { Err(DescriptorError::Recipient) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const FILE: &str = "{\"encryption\":true,\"format\":{\"major\":1,\"minor\":0},\
        \"recipient\":\"age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa\",\
        \"repository\":\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\"}";

    #[test]
    fn has_exactly_one_form() {
        let descriptor = Descriptor::new(RepositoryId::new([15; 16]), Some(RECIPIENT.to_owned()));
        assert_eq!(descriptor.encode().unwrap(), FILE.as_bytes());
        assert_eq!(Descriptor::decode(FILE.as_bytes()).unwrap(), descriptor);
    }

    #[test]
    fn named_refusals() {
        let cases: [(&str, String, &str); 7] = [
            ("newer major", FILE.replace("\"major\":1", "\"major\":2"), "format version 2.0"),
            (
                "newer major, unknown shape",
                "{\"format\":{\"major\":9,\"minor\":3},\"x\":1}".into(),
                "format version 9.3",
            ),
            ("encryption off, recipient there", FILE.replace("true", "false"), "does not go with encryption"),
            ("recipient in upper case", FILE.replace(RECIPIENT, &RECIPIENT.to_uppercase()), "age X25519"),
            ("recipient cut", FILE.replace("svpy7pa", ""), "age X25519"),
            (
                "id with a path",
                FILE.replace("0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f", "../0f0f0f0f0f0f0f0f0f0f0f0f0f0f0"),
                "id",
            ),
            ("newline", format!("{FILE}\n"), "not canonical"),
        ];
        for (name, text, part) in cases {
            let error = Descriptor::decode(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(part), "{name}: {error}");
        }
    }
}
