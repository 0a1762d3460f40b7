//! Large objects (`pg_largeobject_metadata`).

use serde::{Deserialize, Serialize};

use crate::ids::Oid;

/// Large objects that have owner and privileges in common: one object of the model for up to a thousand of them, because
/// databases have millions. Those with a comment or a label stand alone. The object's OID is the first one's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeObject {
    /// All of them, ascending.
    pub oids: Vec<Oid>,
}
