//! Tables and their columns (`pg_class`, `pg_attribute`, `pg_attrdef`, `pg_inherits`, `pg_foreign_table`).

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// A name and a value: one of `reloptions`, `attoptions`, FDW options, … as stored, unquoted.
pub type NamedOption = (String, String);

/// `pg_class.relkind` of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// `r`
    Ordinary,
    /// `p`
    Partitioned,
    /// `f`
    Foreign,
}

/// A table. Check constraints, defaults and identity sequences are objects of their own whose parent it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Ordinary, partitioned or foreign.
    pub kind: TableKind,
    /// `relpersistence = 'u'`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
    /// Live columns in physical order.
    pub columns: Vec<Column>,
    /// Composite type of a typed table (`CREATE TABLE … OF`), qualified and quoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_type: Option<String>,
    /// `pg_get_partkeydef`, e.g. `RANGE (a, lower(b))`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
    /// Inheritance parents in order (`inhseqno`); for a partition exactly one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ObjectId>,
    /// A partition's bound, e.g. `FOR VALUES IN (1)` or `DEFAULT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_bound: Option<String>,
    /// Storage parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<NamedOption>,
    /// Storage parameters of its TOAST table, without `toast.`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub toast_options: Vec<NamedOption>,
    /// Access method, if it is another than `heap`; for partitioned tables (17) if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_method: Option<String>,
    /// Tablespace, if it is another than the database's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// `relreplident`. With an index, that index says so itself ([`super::index::Index::replica_identity`]).
    #[serde(default, skip_serializing_if = "ReplicaIdentity::is_default")]
    pub replica_identity: ReplicaIdentity,
    /// Row-level security is on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_security: bool,
    /// Row-level security binds the owner as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_row_security: bool,
    /// Server and options of a foreign table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<ForeignTable>,
}

/// What a logical replication subscriber recognises old rows by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// The primary key, if there is one.
    #[default]
    Default,
    /// Nothing.
    Nothing,
    /// The whole row.
    Full,
    /// An index.
    Index,
}

impl ReplicaIdentity {
    /// True for what every table is born with.
    pub fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

/// What a foreign table adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignTable {
    /// Server, unquoted.
    pub server: String,
    /// `OPTIONS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<NamedOption>,
}

/// How a generated column keeps its value; the expression is the column's [`ColumnDefault`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generated {
    /// Computed on write.
    Stored,
    /// Computed on read (18).
    Virtual,
}

/// `GENERATED … AS IDENTITY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// `ALWAYS`
    Always,
    /// `BY DEFAULT`
    ByDefault,
}

/// A column of a table, foreign table, view or materialized view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name, unquoted.
    pub name: String,
    /// Type as SQL, qualified, with its modifier (`format_type`).
    pub type_name: String,
    /// Collation, qualified and quoted, if it is another than the type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// `NOT NULL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<NotNull>,
    /// Generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// Identity; the sequence is an object of its own, except in partitions, which use their parent's (17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// `SET STORAGE` keyword, if it is another than the type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// `SET COMPRESSION` method, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// `SET STATISTICS`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<i32>,
    /// `SET (n_distinct = …)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<NamedOption>,
    /// Options of a foreign table's column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fdw_options: Vec<NamedOption>,
    /// Some parent has it (`attinhcount > 0`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// It was declared here (`attislocal`), whatever the parents have.
    pub local: bool,
}

/// A column's `NOT NULL`. Servers before 18 know only that there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotNull {
    /// The constraint's name (18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Declared here, not only by a parent. Before 18: no parent has one.
    pub local: bool,
    /// Some parent has one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// `NO INHERIT` (18).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_inherit: bool,
    /// `NOT VALID` (18).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
}

/// The default or the generation expression of a column (`pg_attrdef`); its parent is the table or view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDefault {
    /// Column, unquoted.
    pub column: String,
    /// `pg_get_expr`.
    pub expression: String,
    /// The expression generates the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
}
