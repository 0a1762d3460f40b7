//! Schemas.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::features::Feature;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The role that owns `public` since 15.
const PUBLIC_OWNER: &str = "pg_database_owner";

/// Entries of a schema. `public` is there already: only an owner of its own is worth a line.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    if !matches!(object.body, Body::Schema(_)) || object.extension.is_some() {
        return Vec::new();
    }
    let mut draft = create(object, "SCHEMA", Section::PreData, cx);
    if !object.builtin {
        draft.create.push(format!("CREATE SCHEMA {}", quote_ident(&object.name)));
        return vec![draft];
    }
    draft.drop = None;
    if object.owner.as_deref() == Some(PUBLIC_OWNER) && cx.has(Feature::PublicSchemaClosed) {
        draft.set_owner = None;
    }
    vec![draft]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::schema::Schema;
    use crate::catalog::{Class, ObjectId};
    use crate::ddl::sample::drafts;
    use crate::ids::Oid;

    fn schema(name: &str, owner: &str) -> Object {
        let id = ObjectId { class: Class::Schema, oid: Oid(2200) };
        let object = Object::new(id, name, Body::Schema(Schema::default()));
        Object { owner: Some(owner.to_owned()), builtin: name == "public", ..object }
    }

    #[test]
    fn a_schema_is_created_owned_and_dropped() {
        let draft = drafts(&[schema("My s", "o")], 0, 18, entries).remove(0);
        assert_eq!(draft.create, ["CREATE SCHEMA \"My s\""]);
        assert_eq!(draft.set_owner.as_deref(), Some("ALTER SCHEMA \"My s\" OWNER TO o"));
        assert_eq!(draft.drop.as_deref(), Some("DROP SCHEMA IF EXISTS \"My s\""));
    }

    #[test]
    fn public_gets_only_an_owner_that_the_target_does_not_give() {
        let owner = |owner, major| {
            let draft = drafts(&[schema("public", owner)], 0, major, entries).remove(0);
            assert_eq!((draft.create, draft.drop), (Vec::new(), None));
            draft.set_owner
        };
        assert_eq!(owner("pg_database_owner", 15), None);
        assert_eq!(owner("pg_database_owner", 14).as_deref(), Some("ALTER SCHEMA public OWNER TO pg_database_owner"));
        assert_eq!(owner("o", 18).as_deref(), Some("ALTER SCHEMA public OWNER TO o"));
    }
}
