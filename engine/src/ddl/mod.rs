//! The model to statements, one file per object class, and the order they must run in.
//!
//! Text is a value here: every writer returns statements, nobody keeps books. [`write`] turns a whole catalog into a
//! [`Toc`] for one target version; what that version cannot express becomes an entry with a `loss` (promise 10).
//! Same catalog, same options, same bytes (promise 11).

pub mod access_method;
pub mod acl;
mod carried;
pub mod cast;
pub mod collation;
pub mod column;
pub mod comment;
pub mod constraint;
pub mod conversion;
pub mod database;
pub mod default_acl;
pub mod difference;
pub mod draft;
pub mod event_trigger;
pub mod extension;
pub mod foreign;
pub mod function;
pub mod globals;
mod graph;
mod identity;
pub mod index;
pub mod language;
pub mod large_object;
mod large_object_difference;
mod level;
mod loops;
pub mod operator;
mod order;
pub mod planner_statistics;
pub mod policy;
pub mod publication;
mod relation;
pub mod rule;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod script;
pub mod sequence;
mod setting;
pub mod statistics;
pub mod subscription;
pub mod system;
pub mod table;
pub mod text_search;
pub mod transform;
pub mod trigger;
pub mod two_steps;
pub mod typ;
pub mod view;
mod write;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use carried::Carried;
pub use draft::{Context, Draft, Stage};
pub use index::INVALID_INDEX;
pub use write::write;

use crate::catalog::ObjectId;
use crate::ids::ServerVersion;

/// Where an entry runs relative to the data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Before the data.
    PreData,
    /// Table data, sequence values, large objects.
    Data,
    /// Indexes, constraints, triggers, rules, policies, refreshes, grants that must wait.
    PostData,
}

/// What an entry does, so that options can leave kinds out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Creates an object or a part of one.
    Create,
    /// A table's rows; no statement, the data path loads it.
    TableData,
    /// Large objects' contents; no statement.
    Blobs,
    /// A sequence's position.
    SequenceSet,
    /// `COMMENT ON`.
    Comment,
    /// GRANT, REVOKE, ALTER DEFAULT PRIVILEGES.
    Acl,
    /// `SECURITY LABEL`.
    SecurityLabel,
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh,
    /// The planner's statistics of a relation, or `ANALYZE`.
    Statistics,
    /// The database itself: CREATE DATABASE (only with `--create`).
    Database,
    /// Settings of the database and of roles in it (only with `--create`).
    DatabaseProperties,
    /// Passwords, settings and memberships of roles (only with `--globals`).
    ClusterProperties,
}

/// How strongly running an entry locks a relation; entries whose locks collide must not run side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// SHARE: `CREATE INDEX`, any number at a time.
    Share,
    /// Anything that nothing else may accompany.
    Exclusive,
}

/// One line of the table of contents. `Debug` shows no statements that hold passwords (promise 9).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number from 1 in execution order of a full restore; the same for every target version and set of options.
    pub id: u32,
    /// What it does.
    pub kind: EntryKind,
    /// pg_restore's word for it: `TABLE`, `FK CONSTRAINT`, `SEQUENCE SET`, `TABLE DATA`, `ACL`, ….
    pub desc: String,
    /// Section.
    pub section: Section,
    /// Schema, unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Tag as `pg_restore -l` shows it: unquoted name, functions with argument types, `TABLE x` for comments.
    pub name: String,
    /// Owner, unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// The relation whose filter decides about this entry (`-t`): a table for its own indexes, triggers, data, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<ObjectId>,
    /// Statements, in order, each complete without a semicolon.
    pub create: Vec<String>,
    /// `ALTER … OWNER TO …`; left out with `--no-owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_owner: Option<String>,
    /// Statement for `--clean`, complete, with `IF EXISTS` (the caller removes it when it is not wanted: see
    /// [`Entry::drop_statement`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<String>,
    /// Ids of entries that must have run before.
    pub depends: Vec<u32>,
    /// Relations it locks while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<(ObjectId, LockKind)>,
    /// Tablespace the statements should run under (`default_tablespace`), when not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Table access method the statements should run under, when not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_method: Option<String>,
    /// The statements hold passwords: no event, error or listing may show them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Why the target version cannot have this, wholly or in part. The statements (if any) still run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Entry");
        shown.field("id", &self.id).field("kind", &self.kind).field("desc", &self.desc).field("name", &self.name);
        if !self.secret {
            shown.field("create", &self.create).field("losses", &self.losses);
        }
        shown.finish_non_exhaustive()
    }
}

impl Entry {
    /// Whether it is about the cluster and not about one database: only with `--globals`.
    pub fn is_about_cluster(&self) -> bool {
        self.kind == EntryKind::ClusterProperties || self.object.is_some_and(|id| id.class.is_cluster_wide())
    }

    /// As [`Carried::is_about_database`].
    pub fn is_about_database(&self) -> bool {
        Carried::from(self).is_about_database()
    }
}

/// A table of contents in execution order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Toc {
    /// Entries; `entries[i].id == i + 1`.
    pub entries: Vec<Entry>,
}

/// What the statements are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Version of the server that will run them.
    pub target: ServerVersion,
}
