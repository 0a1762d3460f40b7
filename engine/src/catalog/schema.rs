//! Schemas (`pg_namespace`).

use serde::{Deserialize, Serialize};

/// A schema; everything it has is in [`super::Object`]. `public` has [`super::Object::builtin`] set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {}
