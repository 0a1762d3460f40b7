//! What the readers of objects that are no relations share.

use serde::Deserialize;

use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Condition on `pg_namespace n`: a schema that users fill. Schemas called `pg_…` belong to the server.
pub(super) const USER_SCHEMA: &str = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// The columns every reader asks for, with the rest of the row.
#[derive(Deserialize)]
pub(super) struct Named<T> {
    pub oid: u32,
    pub schema: Option<String>,
    pub name: String,
    #[serde(flatten)]
    pub rest: T,
}

impl<T> Named<T> {
    /// The object, its body made from the rest of the row.
    pub fn object(self, class: Class, body: impl FnOnce(T) -> Body) -> Object {
        let mut object = Object::new(ObjectId { class, oid: Oid(self.oid) }, self.name, body(self.rest));
        object.schema = self.schema;
        object
    }
}

/// SQL: a column of type `text[]` with options as JSON pairs, in their order; NULL without any.
pub(super) fn options(column: &str) -> String {
    format!(
        "(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(x.option_name, coalesce(x.option_value, ''))
                                     ORDER BY x.n)
            FROM pg_catalog.pg_options_to_table({column}) WITH ORDINALITY x(option_name, option_value, n))"
    )
}

/// SQL: the name of a function that may be absent (OID 0), as `regproc` prints it.
pub(super) fn function(column: &str) -> String {
    format!("NULLIF({column}::pg_catalog.oid, 0)::pg_catalog.regproc::pg_catalog.text")
}

/// SQL: the name and argument types of a function that may be absent.
pub(super) fn signature(column: &str) -> String {
    format!("NULLIF({column}::pg_catalog.oid, 0)::pg_catalog.regprocedure::pg_catalog.text")
}

/// SQL: an operator that may be absent, as `schema.op`.
pub(super) fn operator(column: &str) -> String {
    format!(
        "(SELECT pg_catalog.quote_ident(xn.nspname) || '.' || x.oprname FROM pg_catalog.pg_operator x
            JOIN pg_catalog.pg_namespace xn ON xn.oid = x.oprnamespace WHERE x.oid = {column})"
    )
}
