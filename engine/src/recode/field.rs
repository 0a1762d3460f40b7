//! Types whose text this room reads, and what that saves.

use super::{bytes, number, time};
use crate::ids::Oid;

/// What a column holds, behind all domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of PostgreSQL's own types")]
pub enum Field {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Bytea,
    Jsonb,
    /// `text`, `varchar`, `bpchar` and `json`, and every enum: their binary form is the text.
    Text,
}

impl Field {
    /// The field of a type that is no domain: its OID, and its `pg_type.typtype`.
    pub fn of(oid: Oid, kind: char) -> Option<Self> {
        Some(match (kind, oid.0) {
            ('e', _) => Self::Text,
            ('b', 16) => Self::Bool,
            ('b', 17) => Self::Bytea,
            ('b', 20) => Self::Int8,
            ('b', 21) => Self::Int2,
            ('b', 23) => Self::Int4,
            ('b', 25 | 114 | 1_042 | 1_043) => Self::Text,
            ('b', 26) => Self::Oid,
            ('b', 700) => Self::Float4,
            ('b', 701) => Self::Float8,
            ('b', 1_082) => Self::Date,
            ('b', 1_083) => Self::Time,
            ('b', 1_114) => Self::Timestamp,
            ('b', 1_184) => Self::Timestamptz,
            ('b', 1_700) => Self::Numeric,
            ('b', 2_950) => Self::Uuid,
            ('b', 3_802) => Self::Jsonb,
            _ => return None,
        })
    }

    /// Nanoseconds of processor time that a load saves per value, on server and client together; negative where the text is
    /// cheaper. Measured on one machine (docs/BENCHMARKS.md, "Which COPY format is cheaper"); only proportions matter.
    fn gain(self) -> i32 {
        match self {
            Self::Bool | Self::Numeric => 0,
            Self::Int2 | Self::Int4 | Self::Oid => -4,
            Self::Int8 => 10,
            Self::Text => 6,
            Self::Jsonb => 30,
            Self::Float4 | Self::Float8 | Self::Bytea => 50,
            Self::Date => 95,
            Self::Time => 100,
            Self::Timestamp | Self::Timestamptz => 170,
            Self::Uuid => 240,
        }
    }

    /// Whether rows of these fields are loaded with less in binary.
    pub fn are_worth_it(fields: &[Self]) -> bool {
        fields.iter().map(|field| field.gain()).sum::<i32>() > 0
    }

    /// Appends the value at the beginning of `text` with its length; gives what follows it.
    pub(super) fn append<'a>(self, text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
        match self {
            Self::Bool => bytes::bool(text, out),
            Self::Int2 => number::int2(text, out),
            Self::Int4 => number::int4(text, out),
            Self::Int8 => number::int8(text, out),
            Self::Oid => number::oid(text, out),
            Self::Float4 => number::float4(text, out),
            Self::Float8 => number::float8(text, out),
            Self::Numeric => number::numeric(text, out),
            Self::Date => time::date(text, out),
            Self::Time => time::time(text, out),
            Self::Timestamp => time::timestamp(text, b"", out),
            Self::Timestamptz => time::timestamp(text, b"+00", out),
            Self::Uuid => bytes::uuid(text, out),
            Self::Bytea => bytes::bytea(text, out),
            Self::Jsonb => bytes::jsonb(text, out),
            Self::Text => bytes::text(text, out),
        }
    }
}
