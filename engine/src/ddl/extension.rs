//! Extensions, and what was told to go with one. The target's default version is taken, as every upgrade does; configuration tables' rows are data.

use super::Section;
use super::draft::{Context, Draft, Stage};
use super::identity::{create, identity, relation_of, section_of, tag};
use super::relation::if_exists;
use crate::catalog::{Body, Class, Edge, Object};
use crate::sql::{quote_ident, quote_literal};

/// The entry of an extension that `initdb` did not install.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Extension(_), false) = (&object.body, object.builtin) else { return Vec::new() };
    let mut draft = create(object, "EXTENSION", Section::PreData, cx);
    let schema = object.schema.as_deref().unwrap_or("public");
    let (name, schema) = (quote_ident(&object.name), quote_ident(schema));
    draft.create.push(format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema}"));
    // Whoever creates an extension owns it; there is no ALTER EXTENSION … OWNER.
    draft.set_owner = None;
    draft.schema = None;
    vec![draft]
}

/// `ALTER … DEPENDS ON EXTENSION …` for a dependency of kind `x`, `ALTER EXTENSION … ADD TABLE …` for one of kind `e`.
pub fn dependent(edge: &Edge, cx: &Context<'_>) -> Option<Draft> {
    if !matches!(edge.kind, 'x' | 'e') || edge.referenced.class != Class::Extension {
        return None;
    }
    let object = cx.object(edge.dependent).filter(|object| !object.is_given())?;
    let extension = quote_ident(&cx.object(edge.referenced)?.name);
    let identity = identity(object, cx)?;
    let mut draft = Draft::new(object, identity.word, section_of(object));
    draft.stage = Stage::Member(edge.referenced);
    draft.name = tag(object);
    draft.relation = relation_of(object);
    draft.after.push(edge.referenced);
    if edge.kind == 'x' {
        draft.create.push(format!("ALTER {} DEPENDS ON EXTENSION {extension}", identity.text()));
        return Some(draft);
    }
    // In another transaction than the one that makes the table: so it is known for the user's own the next time, too.
    draft.desc = "EXTENSION MEMBER";
    draft.section = Section::PostData;
    draft.create.push(format!("ALTER EXTENSION {extension} ADD {}", identity.text()));
    // What an extension requires cannot be dropped.
    let member = format!(
        "EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
             AND objid = pg_catalog.to_regclass({}) AND deptype = 'e')",
        quote_literal(&identity.name)
    );
    draft.drop = Some(if_exists(&member, &format!("ALTER EXTENSION {extension} DROP {}", identity.text())));
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::extension::Extension;
    use crate::ddl::sample::{drafts, object};

    #[test]
    fn an_extension_goes_to_its_schema_and_keeps_its_creator_as_owner() {
        let mut extension = object(Class::Extension, 20000, "uuid-ossp", Body::Extension(Extension::default()));
        let draft = drafts(std::slice::from_ref(&extension), 0, 18, entries).remove(0);
        assert_eq!(draft.create, ["CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA s"]);
        assert_eq!(draft.drop.as_deref(), Some("DROP EXTENSION IF EXISTS \"uuid-ossp\""));
        assert_eq!((draft.set_owner, draft.schema), (None, None));
        extension.builtin = true;
        assert_eq!(drafts(&[extension], 0, 18, entries), []);
    }
}
