//! What the readers of relations and of everything that hangs on them share.

use tokio_postgres::Row;

use super::IntrospectError;
use crate::catalog::table::NamedOption;
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Condition on `pg_class c` and `pg_namespace n`: made by a user or an extension, and not temporary.
/// 16384 is `FirstNormalObjectId`: `initdb` assigns OIDs below it.
pub(super) const USER_RELATION: &str = "c.oid >= 16384 AND n.nspname <> 'pg_catalog' \
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_(toast|temp)'";

/// The access method that needs no mention: every server's default until someone changes it.
pub(super) const HEAP: &str = "heap";

/// An object with its class and the row's `oid`, `nspname` and `name` filled in.
/// Owner, ACL, comment, labels and extension are merged in by the driver.
pub(super) fn object(class: Class, row: &Row, parent: Option<ObjectId>, body: Body) -> Result<Object, IntrospectError> {
    let id = ObjectId { class, oid: Oid(row.try_get("oid")?) };
    let name: String = row.try_get("name")?;
    Ok(Object { schema: row.try_get("nspname")?, parent, ..Object::new(id, name, body) })
}

/// The id of a relation.
pub(super) fn relation(oid: u32) -> ObjectId {
    ObjectId { class: Class::Relation, oid: Oid(oid) }
}

/// Column options that the server writes and keeps by itself, and refuses to take from anyone: `pg_attver` (15.20) stamps
/// a column whenever its type changes. Older servers do not know the name and refuse the whole statement.
const KEPT_BY_SERVER: [&str; 1] = ["pg_attver"];

/// The options a user set on a column.
pub(super) fn column_options(stored: Option<Vec<String>>) -> Vec<NamedOption> {
    options(stored).into_iter().filter(|(name, _)| !KEPT_BY_SERVER.contains(&name.as_str())).collect()
}

/// Splits `name=value` entries of `reloptions` and its kin at the first equals sign, as the server does.
pub(super) fn options(stored: Option<Vec<String>>) -> Vec<NamedOption> {
    let split = |entry: String| match entry.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (entry, String::new()),
    };
    stored.unwrap_or_default().into_iter().map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::{column_options, options};

    #[test]
    fn what_the_server_keeps_by_itself_is_no_option_of_the_user() {
        let stored = ["pg_attver=394098584", "n_distinct=5"].map(String::from).to_vec();
        assert_eq!(column_options(Some(stored)), [("n_distinct".to_owned(), "5".to_owned())]);
    }

    #[test]
    fn options_split_at_the_first_equals_sign() {
        let stored = ["fillfactor=70", "check_option=local", "q=a=b", "bare"].map(String::from).to_vec();
        let expected = [("fillfactor", "70"), ("check_option", "local"), ("q", "a=b"), ("bare", "")];
        assert_eq!(options(Some(stored)), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(options(None), []);
    }
}
