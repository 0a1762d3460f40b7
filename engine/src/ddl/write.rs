//! A whole catalog to a table of contents.

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::draft::{Context, Draft, Stage};
use super::graph::Objects;
use super::{Dialect, Entry, EntryKind, Section, Toc, loops, order};
use super::{
    access_method, acl, cast, collation, column, comment, constraint, conversion, database, default_acl, event_trigger,
    extension, foreign, function, globals, index, language, large_object, operator, planner_statistics, policy,
    publication, rule, schema, sequence, statistics, subscription, system, table, text_search, transform, trigger, typ,
    view,
};
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::features::Features;
use crate::catalog::index::Index;
use crate::catalog::table::TableKind;
use crate::catalog::{Body, Catalog, Class, Object, ObjectId};

/// Items whose drafts are written in one go: a millisecond of work.
const STRETCH: usize = 128;

/// So many times as many are written side by side before their drafts are moved to the others.
const STRETCHES: usize = 32;

/// Writes a catalog for a target. Entries, their order and their numbers are the same for every target; what one cannot
/// express is left out of the statements and said in `losses`.
pub fn write(catalog: &Catalog, dialect: Dialect) -> Toc {
    let objects = Objects::new(catalog);
    let (breaks, graph) = loops::resolve(&objects);
    let context = Context::new(catalog, Features::of(dialect.target), breaks.separate.clone());
    let mut drafts = Vec::with_capacity(catalog.objects.len());
    side_by_side(&mut drafts, &catalog.objects, |object| of_object(object, &objects, &context));
    let source = catalog.server.version;
    let of_statistics = |statistics| planner_statistics::entry(statistics, source, &context);
    side_by_side(&mut drafts, &catalog.planner_statistics, of_statistics);
    drafts.extend(catalog.edges.iter().filter_map(|edge| extension::dependent(edge, &context)));
    let mut first: Vec<Entry> = Vec::new();
    if let Some(globals) = &catalog.globals {
        first.extend(globals::numbered(globals, dialect).into_iter().map(|(_, entry)| entry));
    }
    first.extend(database(catalog, &context));
    drop(context);
    order::arrange(&objects, (&breaks, graph), first, drafts)
}

/// Adds the drafts that `of` gives of every item, in order. Of many items several are written at a time: a large schema is written
/// while nothing else can begin, or beside rows that keep every core busy.
fn side_by_side<'a, T: Sync, D: IntoIterator<Item = Draft>>(
    drafts: &mut Vec<Draft>,
    items: &'a [T],
    of: impl Fn(&'a T) -> D + Sync,
) {
    let stretch = |items: &'a [T]| items.iter().flat_map(&of).map(Draft::compact).collect::<Vec<_>>();
    for round in items.chunks(STRETCH * STRETCHES) {
        round.par_chunks(STRETCH).map(stretch).collect::<Vec<_>>().into_iter().for_each(|some| drafts.extend(some));
    }
}

/// All drafts about one object, its rows among them.
fn of_object(object: &Object, objects: &Objects<'_>, context: &Context<'_>) -> Vec<Draft> {
    let own = entries(object, context);
    let mut drafts = satellites(object, &own, context);
    drafts.extend(own);
    drafts.extend(table_data(object, objects));
    drafts.extend(sequence_data(object, objects));
    drafts
}

/// Comments, labels and privileges. Of an object the target cannot have, they are entries without statements.
fn satellites(object: &Object, own: &[Draft], cx: &Context<'_>) -> Vec<Draft> {
    let mut drafts = comment::entries(object, cx);
    drafts.extend(acl::entries(object, cx));
    if drafts.is_empty() {
        return drafts;
    }
    let lost = match &object.body {
        Body::Index(Index { constraint: Some(constraint), .. }) => !constraint::is_written(*constraint, cx),
        _ => !own.is_empty() && own.iter().all(|draft| draft.create.is_empty() && !draft.losses.is_empty()),
    };
    if lost {
        drafts.iter_mut().for_each(|draft| draft.create.clear());
    }
    drafts
}

/// All drafts of one object.
fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    match &object.body {
        Body::Table(_) => table::entries(object, cx),
        Body::Default(_) => column::entries(object, cx),
        Body::Sequence(_) => sequence::entries(object, cx),
        Body::View(_) => view::entries(object, cx),
        Body::Index(_) => index::entries(object, cx),
        Body::Constraint(_) => constraint::entries(object, cx),
        Body::Trigger(_) => trigger::entries(object, cx),
        Body::Rule(_) => rule::entries(object, cx),
        Body::Policy(_) => policy::entries(object, cx),
        Body::Statistics(_) => statistics::entries(object, cx),
        Body::Publication(_) => publication::entries(object, cx),
        Body::Schema(_) => schema::entries(object, cx),
        Body::Extension(_) => extension::entries(object, cx),
        Body::Type(_) => typ::entries(object, cx),
        Body::Function(_) => function::entries(object, cx),
        Body::EventTrigger(_) => event_trigger::entries(object, cx),
        Body::ForeignDataWrapper(_) | Body::ForeignServer(_) | Body::UserMapping(_) => foreign::entries(object, cx),
        Body::DefaultAcl(_) => default_acl::entries(object, cx),
        Body::LargeObject(_) => large_object::entries(object, cx),
        Body::Operator(_) | Body::OperatorClass(_) | Body::OperatorFamily(_) => operator::entries(object, cx),
        Body::System(_) => system::entries(object, cx),
        Body::Cast(_) => cast::entries(object, cx),
        Body::Collation(_) => collation::entries(object, cx),
        Body::Conversion(_) => conversion::entries(object, cx),
        Body::Language(_) => language::entries(object, cx),
        Body::AccessMethod(_) => access_method::entries(object, cx),
        Body::TextSearchParser(_)
        | Body::TextSearchTemplate(_)
        | Body::TextSearchDictionary(_)
        | Body::TextSearchConfiguration(_) => text_search::entries(object, cx),
        Body::Transform(_) => transform::entries(object, cx),
        Body::Subscription(_) => subscription::entries(object, cx),
    }
}

/// CREATE DATABASE and the database's settings.
fn database(catalog: &Catalog, cx: &Context<'_>) -> Vec<Entry> {
    let drafts = database::entries(&catalog.database, cx).into_iter();
    drafts.map(|draft| Entry { object: None, ..order::entry(0, draft, Vec::new()) }).collect()
}

/// A table whose rows are data: of its own, or registered by its extension.
fn table_data(object: &Object, objects: &Objects<'_>) -> Option<Draft> {
    let Body::Table(table) = &object.body else { return None };
    if table.kind != TableKind::Ordinary || object.builtin {
        return None;
    }
    if object.extension.is_some() && !objects.is_configuration(object.id) {
        return None;
    }
    let mut draft = Draft::new(object, "TABLE DATA", Section::Data);
    draft.stage = Stage::Position;
    draft.kind = EntryKind::TableData;
    draft.relation = Some(object.id);
    if object.extension.is_some() {
        draft.after.extend(referenced_tables(object.id, objects));
    }
    Some(draft)
}

/// The position of a sequence that its extension registered.
fn sequence_data(object: &Object, objects: &Objects<'_>) -> Option<Draft> {
    let Body::Sequence(body) = &object.body else { return None };
    (object.extension.is_some() && objects.is_configuration(object.id)).then(|| sequence::position(object, body))
}

/// Tables an extension's table references: their foreign keys are in force while both are loaded.
fn referenced_tables(table: ObjectId, objects: &Objects<'_>) -> Vec<ObjectId> {
    let references = |object: &Object| match &object.body {
        Body::Constraint(constraint) if object.parent == Some(table) => match &constraint.rule {
            ConstraintRule::ForeignKey(key) if key.references != table => Some(key.references),
            _ => None,
        },
        _ => None,
    };
    let constraints = objects.catalog.objects.iter().filter(|object| object.id.class == Class::Constraint);
    constraints.filter_map(references).collect()
}

#[cfg(test)]
mod tests;
