//! The stored format (docs/FORMAT.md is normative): encoding and decoding only, no I/O.
//!
//! One encoding per value ([`canonical`]); public files that are referenced later are [`signed`]; readers refuse what
//! they do not know, by name.

pub mod canonical;
mod catalog_line;
pub mod check;
pub mod contents;
pub mod descriptor;
pub mod joined;
pub mod journal;
pub mod layout;
pub mod line_limit;
pub mod manifest;
#[cfg(test)]
pub(crate) mod samples;
pub mod signed;

use serde::{Deserialize, Serialize};

/// How a binary COPY file begins (manual: "COPY", "Binary Format"): `PGCOPY\n\377\r\n\0`, flags 0, header extension of length 0.
pub const BINARY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The field count -1 that ends a binary file.
pub const BINARY_TRAILER: [u8; 2] = [0xff, 0xff];

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
pub const CAPABILITIES: &[&str] = &["age", "census", "copy", GLOBALS, STATISTICS, "zstd"];

/// The contents hold the cluster's own objects.
pub const GLOBALS: &str = "globals";

/// The contents hold the planner's statistics.
pub const STATISTICS: &str = "statistics";

/// What every dump of this version needs of its reader, sorted; [`contents::Contents::capabilities`] knows what one of them
/// needs.
pub fn capabilities(encrypted: bool) -> Vec<String> {
    let needed = |name: &&&str| (encrypted || **name != "age") && ![GLOBALS, STATISTICS].contains(*name);
    CAPABILITIES.iter().filter(needed).map(|name| (*name).to_owned()).collect()
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
