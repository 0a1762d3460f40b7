//! Types (`pg_type`) that users make: enum, composite, domain, range, base and shell types.
//!
//! Types that belong to something else (a table's row type, arrays, a range's multirange) are no objects of their own.
//! CHECK constraints of domains are objects of class [`super::Class::Constraint`] whose parent is the domain.

use serde::{Deserialize, Serialize};

use crate::ids::Oid;

/// A type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Type {
    /// Declared, never defined (`typisdefined` false).
    Shell,
    /// `CREATE TYPE … AS ENUM`: labels in their order.
    Enum {
        /// Labels in sort order.
        labels: Vec<String>,
    },
    /// `CREATE TYPE … AS (…)`.
    Composite(Composite),
    /// `CREATE DOMAIN`.
    Domain(Domain),
    /// `CREATE TYPE … AS RANGE`.
    Range(Range),
    /// `CREATE TYPE … (INPUT = …)`.
    Base(Box<Base>),
}

/// A free-standing composite type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Composite {
    /// Its `pg_class` row: comments and dependencies of attributes are kept there.
    pub relation: Oid,
    /// Attributes in order, without dropped ones.
    pub attributes: Vec<Attribute>,
}

/// One attribute of a composite type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Unquoted name.
    pub name: String,
    /// Type as SQL text.
    pub sql_type: String,
    /// Collation as SQL text, where it is not the type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}

/// A domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Base type as SQL text, with its modifier.
    pub base: String,
    /// Collation as SQL text, where it is not the base type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// Default as SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// NOT NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<DomainNotNull>,
}

/// NOT NULL of a domain: a named constraint since 17, nameless before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainNotNull {
    /// Unquoted name, where it is not the one the server would choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A range type. Names are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Subtype.
    pub subtype: String,
    /// Operator class, where it is not the subtype's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_class: Option<String>,
    /// Collation, where it is not the subtype's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// Canonical function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Difference function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// The multirange type that comes with it, qualified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multirange: Option<String>,
}

/// A base type. Names are SQL text; functions absent where `pg_type` has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// `typlen`; -1 is variable.
    pub length: i16,
    /// `typinput`.
    pub input: String,
    /// `typoutput`.
    pub output: String,
    /// `typreceive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive: Option<String>,
    /// `typsend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// `typmodin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifier_input: Option<String>,
    /// `typmodout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifier_output: Option<String>,
    /// `typanalyze`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyze: Option<String>,
    /// `typsubscript` (14+).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscript: Option<String>,
    /// `typcollation` is set.
    pub collatable: bool,
    /// `typdefault`, the text as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// `typelem` of types that are subscripted: the element type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// `typdelim`.
    pub delimiter: String,
    /// `typbyval`.
    pub by_value: bool,
    /// `typalign`: `c`, `s`, `i`, `d`.
    pub alignment: String,
    /// `typstorage`: `p`, `e`, `x`, `m`.
    pub storage: String,
    /// `typcategory`.
    pub category: String,
    /// `typispreferred`.
    pub preferred: bool,
}
