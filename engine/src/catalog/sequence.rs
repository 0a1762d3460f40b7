//! Sequences (`pg_sequence`).

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// A sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// `bigint`, `integer` or `smallint`.
    pub data_type: String,
    /// `START WITH`.
    pub start: i64,
    /// `INCREMENT BY`.
    pub increment: i64,
    /// `MINVALUE`.
    pub min: i64,
    /// `MAXVALUE`.
    pub max: i64,
    /// `CACHE`.
    pub cache: i64,
    /// `CYCLE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cycle: bool,
    /// `relpersistence = 'u'` (15).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
    /// `OWNED BY`, or the column it feeds as identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<OwnedBy>,
    /// Where it stood; `None` if it could not be read (privilege, unlogged on a standby).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// The column a sequence belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedBy {
    /// Table.
    pub table: ObjectId,
    /// Column, unquoted.
    pub column: String,
    /// Made by `GENERATED … AS IDENTITY`, not by `OWNED BY`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub identity: bool,
}

/// Arguments of `setval`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Position {
    /// `last_value`
    pub last_value: i64,
    /// `is_called`
    pub is_called: bool,
}
