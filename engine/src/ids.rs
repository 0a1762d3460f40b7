//! Newtypes for everything that identifies something, so that two of them never get swapped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A PostgreSQL object identifier (manual: "Object Identifier Types").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(pub u32);

/// A server version as `server_version_num` gives it, e.g. 180001.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// The version of the first release of a major, e.g. `major(18)` is 180000.
    pub const fn from_major(major: u32) -> Self {
        Self(major * 10_000)
    }

    /// The major version, e.g. 18.
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// The hexadecimal digits of 32 bytes: lists of chunks are mostly digests.
fn with_digits<R>(bytes: &[u8; 32], show: impl FnOnce(&str) -> R) -> R {
    let mut digits = [0; 64];
    // Twice as long as the bytes, and nothing but digits: neither can fail.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    show(std::str::from_utf8(&digits).unwrap_or_default())
}

/// 32 bytes shown and stored as 64 lower-case hexadecimal digits; every other spelling is rejected.
macro_rules! hex32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// Parses exactly 64 lower-case hexadecimal digits.
            pub fn from_hex(text: &str) -> Option<Self> {
                if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return None;
                }
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).ok()?;
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                with_digits(&self.0, |digits| f.write_str(digits))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &hex::encode(self.0)[..12])
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                with_digits(&self.0, |digits| serializer.serialize_str(digits))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::from_hex(&text)
                    .ok_or_else(|| de::Error::custom(concat!(stringify!($name), ": not 64 lower-case hex digits")))
            }
        }
    };
}

hex32! {
    /// An unkeyed BLAKE3 digest. Of stored bytes it is checkable by anyone (`b3sum`), of plaintext end to end.
    Digest
}
hex32! {
    /// Keyed BLAKE3 of a chunk's plain digest: equal plaintext, equal id, and only writers can compute it.
    ContentId
}
hex32! {
    /// Keyed BLAKE3 of a table's identity: what the dump host recognises a table by in public files.
    TableTag
}
hex32! {
    /// An Ed25519 verifying key: who wrote a dump.
    WriterId
}

/// A repository's name for itself: 32 random hexadecimal digits, made once by `init`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct RepositoryId(pub String);

impl RepositoryId {
    /// Builds an id from 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }

    /// Parses exactly 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        shape.then(|| Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for RepositoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("repository id: not 32 lower-case hex digits"))
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dump's name: UTC second it began, a dash, 8 hexadecimal digits: `20260131T235959Z-1f2e3d4c`. The first three are
/// 4096ths of that second, the others random. Sorting by name sorts by time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DumpId(String);

impl DumpId {
    /// Length of the text form.
    pub const LEN: usize = 25;

    /// The id of a dump that begins at this moment; 20 of the random bits are used.
    pub fn begun(moment: chrono::DateTime<chrono::Utc>, random: [u8; 4]) -> Self {
        // A leap second counts on past 10^9 nanoseconds; it sorts with the end of its second.
        let nanoseconds = u64::from(moment.timestamp_subsec_nanos().min(999_999_999));
        let fraction = (nanoseconds << 12) / 1_000_000_000;
        let tail = u64::from(u32::from_be_bytes(random) & 0xf_ffff);
        let suffix = u32::try_from(fraction << 20 | tail).unwrap_or(u32::MAX);
        Self::new(moment, suffix.to_be_bytes())
    }

    /// Builds an id from a moment's second and the four bytes behind it.
    pub fn new(moment: chrono::DateTime<chrono::Utc>, suffix: [u8; 4]) -> Self {
        Self(format!("{}-{}", moment.format("%Y%m%dT%H%M%SZ"), hex::encode(suffix)))
    }

    /// Parses the text form; anything else is refused, because ids become object keys.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == Self::LEN
            && text.bytes().enumerate().all(|(i, b)| match i {
                8 => b == b'T',
                15 => b == b'Z',
                16 => b == b'-',
                0..=14 => b.is_ascii_digit(),
                _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
            });
        shape.then(|| Self(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DumpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DumpId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DumpId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a dump id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump_id_round_trips_and_rejects_paths() {
        let id = DumpId::new(chrono::DateTime::UNIX_EPOCH, [1, 2, 3, 255]);
        assert_eq!(id.as_str(), "19700101T000000Z-010203ff");
        assert_eq!(DumpId::parse(id.as_str()), Some(id));
        for bad in ["", "latest", "../../etc", "19700101T000000Z-010203FF", "19700101T000000Z-010203f"] {
            assert_eq!(DumpId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dumps_of_one_second_sort_by_time() {
        let at = |nanoseconds| chrono::DateTime::from_timestamp(59, nanoseconds).unwrap();
        let ids: Vec<DumpId> = [0, 250_000, 500_000_000, 999_999_999, 1_999_999_999]
            .map(|nanoseconds| DumpId::begun(at(nanoseconds), [255 - (nanoseconds % 7) as u8; 4]))
            .to_vec();
        assert!(ids[..4].is_sorted() && ids[0] < ids[1] && ids[2] < ids[3], "{ids:?}");
        assert_eq!(&ids[2].as_str()[17..20], "800");
        assert_eq!(&ids[4].as_str()[17..20], "fff");
        assert_eq!(DumpId::parse(ids[3].as_str()).as_ref(), Some(&ids[3]));
    }

    #[test]
    fn digest_accepts_only_lower_case_hex_of_full_length() {
        let digest = Digest([0xab; 32]);
        assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(Digest::from_hex(&digest.to_string().to_uppercase()), None);
        assert_eq!(Digest::from_hex("ab"), None);
    }
}
