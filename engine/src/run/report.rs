//! What a finished run says of itself.

use serde::Serialize;

use crate::catalog::Unsupported;
use crate::ids::DumpId;

/// Something that was not carried (promise 10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// Class of the object.
    pub class: String,
    /// Its qualified name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl Loss {
    /// An object the model has no place for, or that the catalogs no longer say enough of.
    pub(super) fn unsupported(object: &Unsupported) -> Self {
        Self {
            class: object.class.clone(),
            name: object.name.clone(),
            reason: object
                .reason
                .clone()
                .unwrap_or_else(|| "this version does not carry objects of this class".to_owned()),
        }
    }
}

/// A committed dump.
#[derive(Clone, Debug, Serialize)]
pub struct DumpReport {
    /// Its name.
    pub dump: DumpId,
    /// Tables with data.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw_bytes: u64,
    /// Stored bytes all its chunks take.
    pub stored_bytes: u64,
    /// Of those, bytes that this run uploaded.
    pub uploaded_bytes: u64,
    /// Chunks in the dump.
    pub chunks: u64,
    /// Chunks that an earlier dump or an interrupted run had already stored.
    pub reused_chunks: u64,
    /// Times the run had to begin again under a new snapshot.
    pub restarts: u32,
    /// Lanes it had.
    pub jobs: u32,
    /// Seconds of all lanes together with nothing to do while others still worked.
    pub idle_seconds: f64,
    /// What was not carried.
    pub losses: Vec<Loss>,
    /// Wall time.
    pub seconds: f64,
}

/// A finished restore.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    /// The dump that was restored.
    pub dump: DumpId,
    /// Tables loaded, those of an earlier interrupted run included.
    pub tables: u64,
    /// Rows loaded.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw_bytes: u64,
    /// Schema entries applied.
    pub entries: u64,
    /// Entries about the cluster (roles, tablespaces, …) applied.
    pub globals: u64,
    /// Chunks that an interrupted run had already loaded.
    pub resumed_chunks: u64,
    /// Tables whose fingerprint was read back and found equal.
    pub proved_tables: u64,
    /// Lanes it had.
    pub jobs: u32,
    /// Seconds of all lanes together with nothing to do while others still worked.
    pub idle_seconds: f64,
    /// What was not carried.
    pub losses: Vec<Loss>,
    /// Wall time.
    pub seconds: f64,
}

/// A finished copy.
#[derive(Clone, Debug, Serialize)]
pub struct CopyReport {
    /// Tables loaded, those of an earlier interrupted run included.
    pub tables: u64,
    /// Rows loaded.
    pub rows: u64,
    /// COPY bytes.
    pub raw_bytes: u64,
    /// Schema entries applied.
    pub entries: u64,
    /// Entries about the cluster (roles, tablespaces, …) applied.
    pub globals: u64,
    /// Chunks that an interrupted run had already loaded, and that the source still holds.
    pub resumed_chunks: u64,
    /// Times the copy went on under a new snapshot because the old one was lost.
    pub restarts: u32,
    /// Tables whose fingerprint was read back and found equal to the source's.
    pub proved_tables: u64,
    /// What was not carried.
    pub losses: Vec<Loss>,
    /// Wall time.
    pub seconds: f64,
}

/// A finished verification.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The dump that was verified.
    pub dump: DumpId,
    /// `stored` (no key), `opened` (with identity) or `database` (against a live one).
    pub depth: &'static str,
    /// Objects whose length and digest were checked.
    pub objects: u64,
    /// Stored bytes read.
    pub stored_bytes: u64,
    /// Tables checked, where the depth sees them.
    pub tables: u64,
    /// Rows checked.
    pub rows: u64,
    /// Plaintext bytes checked.
    pub raw_bytes: u64,
    /// What does not agree, one sentence each; empty means verified.
    pub problems: Vec<String>,
    /// Wall time.
    pub seconds: f64,
}
