//! Views and materialized views.

use serde::{Deserialize, Serialize};

use super::table::{Column, NamedOption};

/// A view or a materialized view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// `pg_get_viewdef`, without the semicolon.
    pub definition: String,
    /// Columns: what a placeholder for a circular view needs, and comments.
    pub columns: Vec<Column>,
    /// `reloptions`; `check_option` among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<NamedOption>,
    /// What only materialized views have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materialized: Option<Materialized>,
}

/// What a materialized view adds to a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Materialized {
    /// It has been filled (`relispopulated`).
    pub populated: bool,
    /// Access method, if it is another than `heap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_method: Option<String>,
    /// Tablespace, if it is another than the database's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Storage parameters of its TOAST table, without `toast.`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub toast_options: Vec<NamedOption>,
}
