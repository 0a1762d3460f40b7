//! The envelope of signed files: a canonical value and an Ed25519 signature over it.
//!
//! `{"manifest":VALUE,"signature":"128 hex digits"}`, or without the signature for an unsigned one. What is signed is
//! not the value alone but a text that also says what it is (`pgfreight/1/manifest`, a zero byte, the value), so a
//! signature made for one kind of file never fits another. Reading checks in this order: size, the version and
//! capabilities the file says it needs, canonical form, signature.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::canonical::{self, CanonicalError};
use super::{CURRENT, FormatVersion};
use crate::error::Kind;
use crate::ids::WriterId;

/// A kind of file that is signed.
pub trait Signable: Serialize + DeserializeOwned {
    /// The envelope's key and the last word of the signed text's domain.
    const NAME: &'static str;
    /// Bytes of the whole file beyond which it is refused unread.
    const LIMIT: u64;
    /// The key the value says it is signed with.
    fn writer(&self) -> WriterId;
}

/// Who answers for a file. Only `Signed` is good without further ado.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vouched {
    /// Signed by a writer the reader knows.
    Signed(WriterId),
    /// Soundly signed, and the reader knows no writers: proves that nobody edited it by accident, not who wrote it.
    Unchecked(WriterId),
    /// Soundly signed by a writer that is not among those the reader knows.
    Foreign(WriterId),
    /// Not signed at all.
    Unsigned,
}

/// Why a signed file is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// Larger than any honest one.
    #[error("{len} bytes, more than the {limit} a {name} may have")]
    TooLarge {
        /// Kind of file.
        name: &'static str,
        /// Its bytes.
        len: u64,
        /// The limit.
        limit: u64,
    },
    /// Not the envelope.
    #[error("not a {0} file")]
    Envelope(&'static str),
    /// Written for readers of another major version.
    #[error("format version {}.{} (this program reads {}.x)", found.major, found.minor, CURRENT.major)]
    Version {
        /// What the file says.
        found: FormatVersion,
    },
    /// Needs something this reader does not have.
    #[error("needs the capability {0:?}, which this program does not have")]
    Capability(String),
    /// Not canonical JSON of the right shape.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not belong to the bytes.
    #[error("the signature does not match: the {0} was damaged or edited after it was signed")]
    Signature(&'static str),
}

impl SignedError {
    /// Whose field it is and what to do.
    pub fn kind_and_hint(&self) -> (Kind, &'static str) {
        match self {
            Self::Version { .. } | Self::Capability(_) => {
                (Kind::Format, "It was written by a newer pgfreight: read it with that version or a later one.")
            }
            Self::Signature(_) => (
                Kind::Verification,
                "Use another dump or another copy of the bucket; a file that was changed after signing is never trusted.",
            ),
            Self::TooLarge { .. } | Self::Envelope(_) | Self::Canonical(_) => (
                Kind::Format,
                "The file is damaged or was edited by hand; use another dump or another copy of the bucket.",
            ),
        }
    }
}

const SIGNATURE_KEY: &[u8] = b",\"signature\":\"";
const SIGNATURE_HEX: usize = 128;

/// The exact bytes a signature covers.
fn signed_text(name: &str, value: &[u8]) -> Vec<u8> {
    let mut text = format!("pgfreight/1/{name}\0").into_bytes();
    text.extend_from_slice(value);
    text
}

fn envelope(name: &str, value: &[u8], signature: Option<&Signature>) -> Vec<u8> {
    let mut file = Vec::with_capacity(value.len() + 192);
    file.extend_from_slice(format!("{{\"{name}\":").as_bytes());
    file.extend_from_slice(value);
    if let Some(signature) = signature {
        file.extend_from_slice(SIGNATURE_KEY);
        file.extend_from_slice(hex::encode(signature.to_bytes()).as_bytes());
        file.push(b'"');
    }
    file.push(b'}');
    file
}

/// The stored form of a value, signed.
pub fn encode<T: Signable>(value: &T, key: &SigningKey) -> Result<Vec<u8>, CanonicalError> {
    let bytes = canonical::encode(value)?;
    let signature = key.sign(&signed_text(T::NAME, &bytes));
    Ok(envelope(T::NAME, &bytes, Some(&signature)))
}

/// The stored form of a value without signature: for tests and for people who repair by hand.
pub fn encode_unsigned<T: Signable>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    Ok(envelope(T::NAME, &canonical::encode(value)?, None))
}

/// Splits a file into the value's bytes and the signature's hexadecimal digits.
fn split<T: Signable>(file: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let body = file.strip_prefix(format!("{{\"{}\":", T::NAME).as_bytes())?.strip_suffix(b"}")?;
    let tail = SIGNATURE_KEY.len() + SIGNATURE_HEX + 1;
    let Some(cut) = body.len().checked_sub(tail) else { return Some((body, None)) };
    let (value, signature) = body.split_at(cut);
    match signature.strip_prefix(SIGNATURE_KEY).and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(hex) => Some((value, Some(hex))),
        None => Some((body, None)),
    }
}

/// What every version of a signed file says in the same place.
#[derive(Deserialize)]
struct Needs {
    format: FormatVersion,
    #[serde(default)]
    capabilities: Vec<String>,
}

/// Refuses what this reader is too old for, by name, before anything else is read.
fn check_needs(value: &[u8]) -> Result<(), SignedError> {
    let needs: Needs = serde_json::from_slice(value).map_err(CanonicalError::from)?;
    super::check_version(needs.format).map_err(|found| SignedError::Version { found })?;
    match needs.capabilities.into_iter().find(|name| !super::CAPABILITIES.contains(&name.as_str())) {
        Some(name) => Err(SignedError::Capability(name)),
        None => Ok(()),
    }
}

/// Reads a signed file. `known` are the writers the reader accepts, `None` if it knows none. A signature that does not
/// match its bytes is an error whatever the reader accepts.
pub fn decode<T: Signable>(file: &[u8], known: Option<&[WriterId]>) -> Result<(T, Vouched), SignedError> {
    let len = file.len() as u64;
    if len > T::LIMIT {
        return Err(SignedError::TooLarge { name: T::NAME, len, limit: T::LIMIT });
    }
    let (bytes, signature) = split::<T>(file).ok_or(SignedError::Envelope(T::NAME))?;
    check_needs(bytes)?;
    let value: T = canonical::decode(bytes)?;
    let Some(signature) = signature else { return Ok((value, Vouched::Unsigned)) };
    let writer = value.writer();
    check_signature(T::NAME, bytes, signature, writer).ok_or(SignedError::Signature(T::NAME))?;
    let vouched = match known {
        None => Vouched::Unchecked(writer),
        Some(known) if known.contains(&writer) => Vouched::Signed(writer),
        Some(_) => Vouched::Foreign(writer),
    };
    Ok((value, vouched))
}

/// Strict verification (RFC 8032 with small-order keys refused), lower-case hexadecimal only.
fn check_signature(name: &str, bytes: &[u8], hex_digits: &[u8], writer: WriterId) -> Option<()> {
    if hex_digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut raw = [0; SIGNATURE_HEX / 2];
    hex::decode_to_slice(hex_digits, &mut raw).ok()?;
    let key = VerifyingKey::from_bytes(&writer.0).ok()?;
    key.verify_strict(&signed_text(name, bytes), &Signature::from_bytes(&raw)).ok()
}
