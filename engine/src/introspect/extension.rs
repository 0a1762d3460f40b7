//! Extensions and their configuration tables: `pg_extension`. Membership is read by `heads`.

use serde::Deserialize;

use super::named::Named;
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::extension::{ConfigTable, Extension};
use crate::catalog::{Body, Class, Object};
use crate::ids::Oid;

#[derive(Deserialize)]
struct Row {
    version: String,
    relocatable: bool,
    tables: Option<Vec<u32>>,
    conditions: Option<Vec<String>>,
}

/// Reads all extensions; those that `initdb` installs (`plpgsql`) count as born with the database.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = "SELECT e.oid::int8 AS oid, n.nspname AS schema, e.extname AS name, e.extversion AS version,
                e.extrelocatable AS relocatable, e.extconfig::int8[] AS tables, e.extcondition AS conditions
           FROM pg_catalog.pg_extension e
           JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
          ORDER BY e.extname";
    let rows = rows::<Named<Row>>(client, "extensions", query).await?;
    Ok(rows.into_iter().map(extension).collect())
}

fn extension(row: Named<Row>) -> Object {
    let born = row.oid < 16384;
    let mut object = row.object(Class::Extension, |row| {
        let conditions = row.conditions.unwrap_or_default().into_iter();
        let config = row.tables.unwrap_or_default().into_iter().zip(conditions.chain(std::iter::repeat(String::new())));
        let config = config.map(|(oid, condition)| ConfigTable { relation: Oid(oid), condition }).collect();
        Body::Extension(Extension { version: row.version, relocatable: row.relocatable, config })
    });
    object.builtin = born;
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_tables_keep_their_conditions() {
        let text = r#"{"oid":20000,"schema":"s","name":"e","version":"1.1","relocatable":false,
                       "tables":[4294967290,7],"conditions":["where not builtin",""]}"#;
        let object = serde_json::from_str(text).map(extension).ok();
        let expected = Extension {
            version: "1.1".into(),
            relocatable: false,
            config: vec![
                ConfigTable { relation: Oid(4294967290), condition: "where not builtin".into() },
                ConfigTable { relation: Oid(7), condition: String::new() },
            ],
        };
        assert_eq!(
            object.map(|o| (o.schema, o.builtin, o.body)),
            Some((Some("s".into()), false, Body::Extension(expected)))
        );
    }
}
