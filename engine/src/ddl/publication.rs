//! Publications, and their tables and schemas one entry each, so that a filter can leave some out.

use super::Section;
use super::draft::{Context, Draft, Stage};
use super::relation::{list, name, name_of};
use crate::catalog::features::Feature;
use crate::catalog::publication::{Publication, PublishedTable};
use crate::catalog::{Body, Object, ObjectId};
use crate::sql::{quote_ident, quote_literal};

/// Entries of a publication: itself, its tables, its schemas.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Body::Publication(publication) = &object.body else { return Vec::new() };
    if object.extension.is_some() {
        return Vec::new();
    }
    let mut entries = vec![create(object, publication, cx)];
    entries.extend(publication.tables.iter().filter_map(|member| table(object, member, cx)));
    entries.extend(publication.schemas.iter().filter_map(|schema| schema_member(object, *schema, cx)));
    entries
}

fn create(object: &Object, publication: &Publication, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, "PUBLICATION", Section::PostData);
    let mut sql = format!("CREATE PUBLICATION {}", name(object));
    if publication.all_tables {
        sql.push_str(" FOR ALL TABLES");
    }
    sql.push_str(&format!(" WITH (publish = {}", quote_literal(&publication.publish.join(", "))));
    if publication.via_root {
        sql.push_str(", publish_via_partition_root = true");
    }
    if publication.generated_columns.is_some() {
        match cx.has(Feature::PublicationGeneratedColumns) {
            true => sql.push_str(", publish_generated_columns = stored"),
            false => draft.losses.push(format!("publication {} leaves generated columns out", object.name)),
        }
    }
    sql.push(')');
    draft.create.push(sql);
    let owner = object.owner.as_deref();
    draft.set_owner = owner.map(|owner| format!("ALTER PUBLICATION {} OWNER TO {}", name(object), quote_ident(owner)));
    draft.drop = Some(format!("DROP PUBLICATION IF EXISTS {}", name(object)));
    draft
}

fn member(object: &Object, desc: &'static str, id: ObjectId, cx: &Context<'_>) -> Option<Draft> {
    let member = cx.object(id)?;
    let mut draft = Draft::new(object, desc, Section::PostData);
    draft.stage = Stage::Member(id);
    draft.name = format!("{} {}", object.name, member.name);
    draft.schema = member.schema.clone().or_else(|| Some(member.name.clone()));
    draft.after.push(id);
    Some(draft)
}

fn table(object: &Object, published: &PublishedTable, cx: &Context<'_>) -> Option<Draft> {
    let mut draft = member(object, "PUBLICATION TABLE", published.table, cx)?;
    draft.relation = Some(published.table);
    let mut sql = format!("ALTER PUBLICATION {} ADD TABLE ONLY {}", name(object), name_of(published.table, cx)?);
    if !published.columns.is_empty() {
        sql.push_str(&format!(" ({})", list(&published.columns)));
    }
    if let Some(filter) = &published.filter {
        sql.push_str(&format!(" WHERE ({filter})"));
    }
    let whole = published.columns.is_empty() && published.filter.is_none();
    if whole || cx.has(Feature::PublicationFilters) {
        draft.create.push(sql);
    } else {
        // Publishing all of it would show subscribers what they were not to see.
        draft.losses.push(format!("table {} in publication {}, which takes only a part", draft.name, object.name));
    }
    Some(draft)
}

fn schema_member(object: &Object, schema: ObjectId, cx: &Context<'_>) -> Option<Draft> {
    let mut draft = member(object, "PUBLICATION TABLES IN SCHEMA", schema, cx)?;
    if cx.has(Feature::PublicationSchemas) {
        let schema = name_of(schema, cx)?;
        draft.create.push(format!("ALTER PUBLICATION {} ADD TABLES IN SCHEMA {schema}", name(object)));
    } else {
        draft.losses.push(format!("tables in schema {}", draft.name));
    }
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::table::Generated;
    use crate::catalog::{Class, schema};
    use crate::ddl::sample::{drafts, id, object, sql, table, table_object};

    fn publication() -> [Object; 3] {
        let member = PublishedTable {
            table: id(Class::Relation, 1),
            columns: vec!["a".to_owned()],
            filter: Some("(a > 0)".to_owned()),
        };
        let body = Publication {
            all_tables: false,
            publish: vec!["insert".to_owned(), "truncate".to_owned()],
            via_root: true,
            generated_columns: Some(Generated::Stored),
            tables: vec![member],
            schemas: vec![id(Class::Schema, 2)],
        };
        let mut publication = object(Class::Publication, 10, "p", Body::Publication(body));
        publication.schema = None;
        let mut schema = object(Class::Schema, 2, "S", Body::Schema(schema::Schema::default()));
        schema.schema = None;
        [publication, table_object(1, "t", table(Vec::new())), schema]
    }

    #[test]
    fn members_are_entries_of_their_own() {
        assert_eq!(
            sql(&publication(), 0, 18, entries),
            [
                "CREATE PUBLICATION p WITH (publish = 'insert, truncate', publish_via_partition_root = true, \
                 publish_generated_columns = stored)",
                "ALTER PUBLICATION p ADD TABLE ONLY s.t (a) WHERE ((a > 0))",
                "ALTER PUBLICATION p ADD TABLES IN SCHEMA \"S\"",
            ]
        );
    }

    #[test]
    fn what_14_cannot_publish_in_part_is_not_published_whole() {
        let entries = drafts(&publication(), 0, 14, entries);
        let losses: Vec<usize> = entries.iter().map(|entry| entry.losses.len()).collect();
        let statements: Vec<usize> = entries.iter().map(|entry| entry.create.len()).collect();
        assert_eq!((losses, statements), (vec![1, 1, 1], vec![1, 0, 0]));
    }
}
