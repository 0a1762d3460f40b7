//! Default privileges (`pg_default_acl`). Schema and privileges stand in [`super::Object`]; its owner is the role.

use serde::{Deserialize, Serialize};

/// Default privileges of one role, schema and object type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultAcl {
    /// `defaclobjtype`: `r` tables, `S` sequences, `f` functions, `T` types, `n` schemas, `L` large objects (18+).
    pub kind: String,
}
