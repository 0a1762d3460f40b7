//! Views and materialized views; placeholders for circular ones; `REFRESH`.

use super::column::{Above, settings};
use super::draft::{Context, Draft, Stage};
use super::relation::{drop, if_exists, name, set_owner, storage_options};
use super::{EntryKind, LockKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::table::NamedOption;
use crate::catalog::view::{Materialized, View};
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// Entries of a view: itself, before it a placeholder if it must be set apart; of a materialized one also its filling.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Body::View(view) = &object.body else { return Vec::new() };
    if object.extension.is_some() {
        return Vec::new();
    }
    match &view.materialized {
        Some(materialized) => {
            let create = create_materialized(object, view, materialized, cx);
            [Some(create), refresh(object, materialized)].into_iter().flatten().collect()
        }
        None if cx.is_separate(object.id) => vec![placeholder(object, view), replace(object, view, cx)],
        None => vec![create(object, view, cx)],
    }
}

fn create(object: &Object, view: &View, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, "VIEW", Section::PreData);
    draft.relation = Some(object.id);
    draft.set_owner = set_owner(object);
    draft.drop = Some(drop(object));
    let statement = statement("CREATE VIEW", object, view, cx, &mut draft.losses);
    draft.create.push(statement);
    draft
}

/// The view in full, in place of its placeholder, which made it and takes care of owner and drop. To be dropped it must
/// become its placeholder again, so that nothing is left of the circle.
fn replace(object: &Object, view: &View, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, "VIEW", Section::PreData);
    draft.relation = Some(object.id);
    draft.locks = vec![(object.id, LockKind::Exclusive)];
    let exists = format!("pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(&name(object)));
    draft.drop = Some(if_exists(&exists, &stand_in("CREATE OR REPLACE VIEW", object, view)));
    let statement = statement("CREATE OR REPLACE VIEW", object, view, cx, &mut draft.losses);
    draft.create.push(statement);
    draft
}

/// A view with the right columns and no sources: what takes part in a circle can refer to it.
fn placeholder(object: &Object, view: &View) -> Draft {
    let mut draft = Draft::new(object, "VIEW", Section::PreData);
    draft.stage = Stage::Placeholder;
    draft.relation = Some(object.id);
    draft.set_owner = set_owner(object);
    draft.drop = Some(drop(object));
    draft.create.push(stand_in("CREATE VIEW", object, view));
    draft
}

/// A view of the same columns, all null.
fn stand_in(words: &str, object: &Object, view: &View) -> String {
    let columns = view.columns.iter().map(|column| {
        let collation = column.collation.as_ref().map_or(String::new(), |collation| format!(" COLLATE {collation}"));
        format!("\n    NULL::{}{collation} AS {}", column.type_name, quote_ident(&column.name))
    });
    let columns = columns.collect::<Vec<_>>().join(",");
    format!("{words} {} AS\nSELECT{columns}", name(object))
}

fn statement(words: &str, object: &Object, view: &View, cx: &Context<'_>, losses: &mut Vec<String>) -> String {
    let lacks = |option: &NamedOption| option.0 == "security_invoker" && !cx.has(Feature::SecurityInvoker);
    if view.options.iter().any(lacks) {
        losses.push(format!("view {} reads with its owner's privileges (security_invoker)", object.name));
    }
    let options: Vec<NamedOption> =
        view.options.iter().filter(|option| option.0 != "check_option" && !lacks(option)).cloned().collect();
    let mut sql = format!("{words} {}", name(object));
    if !options.is_empty() {
        sql.push_str(&format!(" WITH ({})", storage_options(&options, &[])));
    }
    sql.push_str(&format!(" AS\n{}", view.definition));
    if let Some((_, value)) = view.options.iter().find(|(name, _)| name == "check_option") {
        sql.push_str(&format!("\n  WITH {} CHECK OPTION", value.to_uppercase()));
    }
    sql
}

fn create_materialized(object: &Object, view: &View, materialized: &Materialized, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, "MATERIALIZED VIEW", Section::PreData);
    draft.relation = Some(object.id);
    draft.set_owner = set_owner(object);
    draft.drop = Some(drop(object));
    draft.tablespace.clone_from(&materialized.tablespace);
    draft.access_method.clone_from(&materialized.access_method);
    let mut sql = format!("CREATE MATERIALIZED VIEW {}", name(object));
    let options = storage_options(&view.options, &materialized.toast_options);
    if !options.is_empty() {
        sql.push_str(&format!(" WITH ({options})"));
    }
    sql.push_str(&format!(" AS\n{}\n  WITH NO DATA", view.definition));
    draft.create.push(sql);
    for column in &view.columns {
        draft.create.extend(settings(object, column, &Above::default(), cx));
    }
    draft
}

fn refresh(object: &Object, materialized: &Materialized) -> Option<Draft> {
    if !materialized.populated {
        return None;
    }
    let mut draft = Draft::new(object, "MATERIALIZED VIEW DATA", Section::PostData);
    draft.stage = Stage::Position;
    draft.kind = EntryKind::Refresh;
    draft.relation = Some(object.id);
    draft.locks = vec![(object.id, LockKind::Exclusive)];
    draft.create.push(format!("REFRESH MATERIALIZED VIEW {}", name(object)));
    Some(draft)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::Class;
    use crate::catalog::features::Features;
    use crate::ddl::sample::{column, drafts, object, sql};
    use crate::ids::ServerVersion;

    fn view(options: &[(&str, &str)], materialized: Option<Materialized>) -> [Object; 1] {
        let body = View {
            definition: " SELECT 1 AS a".to_owned(),
            columns: vec![column("a", "integer")],
            options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            materialized,
        };
        [object(Class::Relation, 1, "v", Body::View(body))]
    }

    #[test]
    fn a_check_option_follows_the_query_and_the_rest_precedes_it() {
        let view = view(&[("security_barrier", "true"), ("check_option", "cascaded")], None);
        let expected =
            "CREATE VIEW s.v WITH (security_barrier='true') AS\n SELECT 1 AS a\n  WITH CASCADED CHECK OPTION";
        assert_eq!(sql(&view, 0, 14, entries), [expected]);
    }

    #[test]
    fn security_invoker_is_lost_before_15() {
        let view = view(&[("security_invoker", "on")], None);
        assert_eq!(sql(&view, 0, 15, entries), ["CREATE VIEW s.v WITH (security_invoker='on') AS\n SELECT 1 AS a"]);
        let old = drafts(&view, 0, 14, entries).remove(0);
        assert_eq!((old.create[0].as_str(), old.losses.len()), ("CREATE VIEW s.v AS\n SELECT 1 AS a", 1));
    }

    #[test]
    fn a_circular_view_has_a_placeholder_first() {
        let [view] = view(&[], None);
        let target = Features::of(ServerVersion::from_major(14));
        let objects = [view];
        let cx = Context::of(&objects, target, HashSet::from([objects[0].id]));
        let entries = entries(&objects[0], &cx);
        assert_eq!(entries[0].create, ["CREATE VIEW s.v AS\nSELECT\n    NULL::integer AS a"]);
        assert_eq!(entries[1].create, ["CREATE OR REPLACE VIEW s.v AS\n SELECT 1 AS a"]);
        let owned = |draft: &Draft| (draft.stage, draft.set_owner.is_some(), draft.drop.is_some());
        assert_eq!(owned(&entries[0]), (Stage::Placeholder, true, true));
        assert_eq!(owned(&entries[1]), (Stage::Main, false, true));
        let back = entries[1].drop.as_deref().unwrap_or_default();
        assert!(back.contains("CREATE OR REPLACE VIEW s.v AS\nSELECT\n    NULL::integer AS a"), "{back}");
    }

    #[test]
    fn a_materialized_view_is_filled_if_it_was() {
        let body = Materialized { populated: true, access_method: None, tablespace: None, toast_options: Vec::new() };
        let statements = sql(&view(&[("fillfactor", "50")], Some(body.clone())), 0, 14, entries);
        assert_eq!(
            statements,
            [
                "CREATE MATERIALIZED VIEW s.v WITH (fillfactor='50') AS\n SELECT 1 AS a\n  WITH NO DATA",
                "REFRESH MATERIALIZED VIEW s.v",
            ]
        );
        let empty = Materialized { populated: false, ..body };
        assert_eq!(drafts(&view(&[], Some(empty)), 0, 14, entries).len(), 1);
    }
}
