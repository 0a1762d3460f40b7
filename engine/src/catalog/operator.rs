//! Operators, operator classes and operator families (`pg_operator`, `pg_opclass`, `pg_opfamily`).

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// An operator. Types, functions and operators (`schema.op`) are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Left operand type; absent for prefix operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// Right operand type; absent for postfix operators (before 14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// Function; absent for a shell operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Commutator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commutator: Option<String>,
    /// Negator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negator: Option<String>,
    /// Restriction selectivity estimator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restrict: Option<String>,
    /// Join selectivity estimator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    /// HASHES.
    pub hashes: bool,
    /// MERGES.
    pub merges: bool,
    /// Another operator names it as commutator or negator: a shell operator comes into being with that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mentioned: bool,
}

/// An operator class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorClass {
    /// Access method, unquoted.
    pub method: String,
    /// Input type as SQL text.
    pub input: String,
    /// Family, qualified SQL text.
    pub family: String,
    /// The family's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_id: Option<ObjectId>,
    /// `opcdefault`.
    pub default: bool,
    /// Storage type, where it differs from the input type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Members that belong to the class (internal dependency).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<FamilyMember>,
}

/// An operator family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorFamily {
    /// Access method, unquoted.
    pub method: String,
    /// Loose members: those no class owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<FamilyMember>,
}

/// A row of `pg_amop` or `pg_amproc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "member", rename_all = "snake_case")]
pub enum FamilyMember {
    /// `OPERATOR n op (l, r) [FOR ORDER BY f]`.
    Operator {
        /// Strategy.
        strategy: i16,
        /// Operator with its argument types, SQL text.
        operator: String,
        /// Sort family of an ordering operator, SQL text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order_by: Option<String>,
    },
    /// `FUNCTION n (l, r) f(args)`.
    Function {
        /// Support number.
        support: i16,
        /// Left and right type, SQL text.
        types: (String, String),
        /// Function with its argument types, SQL text.
        function: String,
    },
}
