//! Constraints (`pg_constraint`).

use serde::{Deserialize, Serialize};

use super::ObjectId;
use super::table::NamedOption;
use super::trigger::Enabled;

/// A constraint of a table, foreign table or domain (its parent). Constraint triggers are triggers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// What it demands.
    pub rule: ConstraintRule,
    /// `convalidated`; false for `NOT VALID` and `NOT ENFORCED`.
    pub validated: bool,
    /// `conenforced` (18); true before.
    pub enforced: bool,
    /// Declared here, not only by a parent (`conislocal`).
    pub local: bool,
    /// Some parent has it (`coninhcount > 0`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// `NO INHERIT`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_inherit: bool,
    /// `DEFERRABLE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// The triggers that enforce it, as far as someone has changed when they fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<EnforcingTrigger>,
}

/// A trigger that a constraint made for itself; it has no name that another database would know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnforcingTrigger {
    /// The table it is on: the constraint's own or the referenced one.
    pub table: ObjectId,
    /// Its function in `pg_catalog`, unquoted: `RI_FKey_check_ins`.
    pub function: String,
    /// When it fires.
    pub enabled: Enabled,
}

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConstraintRule {
    /// `NOT NULL` (18: `contype = 'n'`). Printed with its column; here so that comments and dependencies find it.
    NotNull {
        /// Column, unquoted; empty for a domain.
        column: String,
    },
    /// `CHECK`.
    Check {
        /// `pg_get_expr`, without the parentheses that CHECK demands.
        expression: String,
    },
    /// `PRIMARY KEY` and `UNIQUE`.
    Key(Key),
    /// `EXCLUDE`.
    Exclusion {
        /// Its index.
        index: ObjectId,
        /// `pg_get_constraintdef`, whole.
        definition: String,
    },
    /// `FOREIGN KEY`.
    ForeignKey(Box<ForeignKey>),
}

/// A primary key or unique constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Its index.
    pub index: ObjectId,
    /// `PRIMARY KEY`, not `UNIQUE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
    /// Key columns, unquoted, in order.
    pub columns: Vec<String>,
    /// `INCLUDE` columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// `NULLS NOT DISTINCT` (15).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls_not_distinct: bool,
    /// The last column is `WITHOUT OVERLAPS` (18).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_overlaps: bool,
    /// Storage parameters of the index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<NamedOption>,
}

/// A foreign key. Only the topmost of a partition tree is in the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Columns, unquoted, in order.
    pub columns: Vec<String>,
    /// Referenced table.
    pub references: ObjectId,
    /// Referenced columns.
    pub referenced: Vec<String>,
    /// `MATCH FULL`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub match_full: bool,
    /// `ON UPDATE`, if it is another than `NO ACTION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<String>,
    /// `ON DELETE`, if it is another than `NO ACTION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<String>,
    /// Columns of `ON DELETE SET NULL (…)` and `SET DEFAULT (…)` (15).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete_columns: Vec<String>,
    /// The last column is a `PERIOD` (18).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub period: bool,
}
