//! `COMMENT ON` and `SECURITY LABEL`, for objects of every class and their columns.

use super::column::is_plain_not_null;
use super::constraint::is_inline;
use super::draft::{Context, Draft};
use super::identity::{identity, relation_of, section_of, tag};
use super::relation::name;
use super::{EntryKind, Section};
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::features::Feature;
use crate::catalog::table::Column;
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// What `initdb` says about `public`.
const PUBLIC_COMMENT: &str = "standard public schema";

/// Entries of an object's comments and labels. Of members of extensions the catalog has only what their extension did not
/// say itself.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let mut entries = Vec::new();
    entries.extend(comments(object, cx));
    entries.extend(labels(object, cx));
    entries
}

fn comments(object: &Object, cx: &Context<'_>) -> Option<Draft> {
    let (mut create, mut lost) = (Vec::new(), None);
    let is_public = matches!(object.body, Body::Schema(_)) && object.builtin;
    match &object.comment {
        Some(text) if is_public && text == PUBLIC_COMMENT => {}
        None if is_public => create.push(format!("COMMENT ON SCHEMA {} IS ''", quote_ident(&object.name))),
        Some(_) if is_nameless(object, cx) => {
            lost = Some(format!("comment on not-null constraint {}, which has no name there", object.name));
        }
        Some(text) if !object.builtin || is_public => {
            let identity = identity(object, cx)?;
            create.push(format!("COMMENT ON {} IS {}", identity.text(), quote_literal(text)));
        }
        _ => {}
    }
    let column = |(column, text): &(String, String)| {
        format!("COMMENT ON COLUMN {}.{} IS {}", name(object), quote_ident(column), quote_literal(text))
    };
    create.extend(object.column_comments.iter().map(column));
    if create.is_empty() && lost.is_none() {
        return None;
    }
    let mut draft = entry(object, EntryKind::Comment, create, cx);
    draft.losses.extend(lost);
    Some(draft)
}

/// A NOT NULL that the target knows without its name: no comment can be put on it.
fn is_nameless(object: &Object, cx: &Context<'_>) -> bool {
    let Body::Constraint(constraint) = &object.body else { return false };
    let ConstraintRule::NotNull { column } = &constraint.rule else { return false };
    match object.parent.and_then(|id| cx.object(id)).map(|parent| &parent.body) {
        Some(Body::Table(table)) if !cx.has(Feature::NotNullConstraints) => {
            let column = table.columns.iter().find(|candidate| candidate.name == *column);
            let plain = |column: &Column| column.not_null.as_ref().is_some_and(|n| is_plain_not_null(column, n, cx));
            column.is_none_or(plain)
        }
        Some(Body::Type(_)) => !cx.has(Feature::DomainNotNullConstraints),
        _ => false,
    }
}

fn labels(object: &Object, cx: &Context<'_>) -> Option<Draft> {
    let mut create = Vec::new();
    if !object.labels.is_empty()
        && let Some(identity) = identity(object, cx)
    {
        // There is no label on a foreign server, an index, …: the server would have refused it.
        let one = |(provider, text): &(String, String)| label(provider, &identity.text(), text);
        create.extend(object.labels.iter().map(one));
    }
    let column = |(column, provider, text): &(String, String, String)| {
        label(provider, &format!("COLUMN {}.{}", name(object), quote_ident(column)), text)
    };
    create.extend(object.column_labels.iter().map(column));
    (!create.is_empty()).then(|| entry(object, EntryKind::SecurityLabel, create, cx))
}

fn label(provider: &str, on: &str, text: &str) -> String {
    format!("SECURITY LABEL FOR {} ON {on} IS {}", quote_ident(provider), quote_literal(text))
}

/// One entry for all comments (or labels) of an object, its columns' included.
fn entry(object: &Object, kind: EntryKind, create: Vec<String>, cx: &Context<'_>) -> Draft {
    let desc = if kind == EntryKind::Comment { "COMMENT" } else { "SECURITY LABEL" };
    let section = match &object.body {
        Body::Constraint(constraint) if is_inline(object, constraint, cx) => Section::PreData,
        _ => section_of(object),
    };
    let mut draft = Draft::new(object, desc, section);
    draft.kind = kind;
    let parent = object.parent.and_then(|id| cx.object(id));
    draft.name = match (identity(object, cx), parent) {
        (Some(identity), Some(parent)) if relation_of(object).is_some_and(|id| id == parent.id) => {
            format!("{} {} ON {}", identity.word, tag(object), parent.name)
        }
        (Some(identity), _) => format!("{} {}", identity.word, tag(object)),
        (None, _) => tag(object),
    };
    if draft.owner.is_none() {
        draft.owner = parent.and_then(|parent| parent.owner.clone());
    }
    draft.relation = relation_of(object);
    draft.after.extend(object.parent);
    draft.create = create;
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::cast::Cast;
    use crate::catalog::function::{Function, RoutineKind};
    use crate::catalog::large_object::LargeObject;
    use crate::catalog::operator::{Operator, OperatorFamily};
    use crate::catalog::schema::Schema;
    use crate::catalog::transform::Transform;
    use crate::catalog::typ::{Domain, Type};
    use crate::ddl::sample::{constraint, drafts, id, object, on_table, sql, table, table_object};
    use crate::ids::Oid;

    fn commented(object: Object) -> Object {
        Object { comment: Some("it's".into()), ..object }
    }

    #[test]
    fn every_kind_of_name_has_its_words() {
        let function = |kind| Function { kind, identity_arguments: "*".into(), ..Function::default() };
        let cast = Cast { source: "a".into(), target: "b".into(), ..Cast::default() };
        let transform = Transform { sql_type: "int4".into(), language: "L".into(), ..Transform::default() };
        let family = OperatorFamily { method: "gin".into(), members: Vec::new() };
        let bodies = [
            (Class::Type, Body::Type(Type::Domain(Domain::default())), "DOMAIN s.x"),
            (Class::Type, Body::Type(Type::Shell), "TYPE s.x"),
            (Class::Function, Body::Function(Box::new(function(RoutineKind::Aggregate))), "AGGREGATE s.x(*)"),
            (Class::Function, Body::Function(Box::new(function(RoutineKind::Procedure))), "PROCEDURE s.x(*)"),
            (Class::Cast, Body::Cast(cast), "CAST (a AS b)"),
            (Class::Transform, Body::Transform(transform), "TRANSFORM FOR int4 LANGUAGE \"L\""),
            (Class::Operator, Body::Operator(Operator::default()), "OPERATOR s.x (NONE, NONE)"),
            (Class::OperatorFamily, Body::OperatorFamily(family), "OPERATOR FAMILY s.x USING gin"),
            (Class::LargeObject, Body::LargeObject(LargeObject { oids: vec![Oid(7)] }), "LARGE OBJECT 7"),
            (Class::Schema, Body::Schema(Schema::default()), "SCHEMA x"),
        ];
        for (class, body, words) in bodies {
            let object = commented(object(class, 7, "x", body));
            assert_eq!(sql(&[object], 0, 18, entries), [format!("COMMENT ON {words} IS 'it''s'")]);
        }
    }

    #[test]
    fn columns_and_what_hangs_on_tables_name_the_table() {
        let mut table = commented(table_object(1, "t", table(Vec::new())));
        table.column_comments = vec![("C".into(), "c".into())];
        table.column_labels = vec![("C".into(), "dummy".into(), "secret".into())];
        table.labels = vec![("dummy".into(), "classified".into())];
        let rule = ConstraintRule::Check { expression: "true".into() };
        let check = commented(on_table(Class::Constraint, 2, "k", Body::Constraint(constraint(rule))));
        let objects = [table, check];
        let expected = [
            "COMMENT ON TABLE s.t IS 'it''s'",
            "COMMENT ON COLUMN s.t.\"C\" IS 'c'",
            "SECURITY LABEL FOR dummy ON TABLE s.t IS 'classified'",
            "SECURITY LABEL FOR dummy ON COLUMN s.t.\"C\" IS 'secret'",
        ];
        assert_eq!(sql(&objects, 0, 18, entries), expected);
        let draft = drafts(&objects, 1, 18, entries).remove(0);
        assert_eq!(draft.create, ["COMMENT ON CONSTRAINT k ON s.t IS 'it''s'"]);
        assert_eq!((&*draft.name, draft.relation), ("CONSTRAINT k ON t", Some(id(Class::Relation, 1))));
    }

    #[test]
    fn publics_own_comment_is_silent_and_its_absence_is_not() {
        let public = |comment: Option<&str>| {
            let object = object(Class::Schema, 2200, "public", Body::Schema(Schema::default()));
            let object = Object { builtin: true, comment: comment.map(str::to_owned), ..object };
            sql(&[object], 0, 18, entries)
        };
        assert_eq!(public(Some(PUBLIC_COMMENT)), Vec::<String>::new());
        assert_eq!(public(None), ["COMMENT ON SCHEMA public IS ''"]);
        assert_eq!(public(Some("mine")), ["COMMENT ON SCHEMA public IS 'mine'"]);
    }
}
