//! The stored format (docs/FORMAT.md is normative): encoding and decoding only, no I/O.
//!
//! One encoding per value ([`canonical`]); public files that are referenced later are [`signed`]; readers refuse what
//! they do not know, by name.

pub mod canonical;
pub mod check;
pub mod contents;
pub mod descriptor;
pub mod journal;
pub mod layout;
pub mod manifest;
#[cfg(test)]
pub(crate) mod samples;
pub mod signed;

use serde::{Deserialize, Serialize};

/// Version of the format. A reader refuses another major, and a minor it does not know only by way of the
/// capabilities the manifest names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FormatVersion {
    /// Raised when old readers must refuse.
    pub major: u32,
    /// Raised when old readers may go on.
    pub minor: u32,
}

/// What this library writes.
pub const CURRENT: FormatVersion = FormatVersion { major: 1, minor: 0 };

/// Capabilities this library has, sorted. A file that needs another one is refused by that name. Any change of
/// grammar after 1.0, even one more field, comes with a capability.
pub const CAPABILITIES: &[&str] = &["age", "census", "copy", "zstd"];

/// What a dump of this version needs of its reader, sorted.
pub fn capabilities(encrypted: bool) -> Vec<String> {
    CAPABILITIES.iter().filter(|name| encrypted || **name != "age").map(|name| (*name).to_owned()).collect()
}

/// Accepts the versions this library reads; gives others back for the message.
pub fn check_version(found: FormatVersion) -> Result<(), FormatVersion> {
    if found.major == CURRENT.major { Ok(()) } else { Err(found) }
}

/// How a table's rows are written in its chunks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFormat {
    /// COPY text format (manual: "COPY", "Text Format").
    Text,
    /// COPY binary format (manual: "COPY", "Binary Format"), header and trailer included.
    Binary,
}
