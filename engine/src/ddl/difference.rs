//! What differs between the schemas of two catalogs, object by object.
//!
//! Objects are matched by what they are and how they are called (kind, schema, name with argument types, parent), never by
//! OID or number. Compared is the text both would be written with for the newer of their two servers: everything a
//! restore would do counts (owner, privileges, comments, tablespace), and the order of entries does not. What the older
//! server cannot know is taken from both sides first ([`super::level`]). Rows, positions of sequences and contents of
//! materialized views are data and not looked at; of large objects only owner, privileges, comment and labels are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::identity::{Label, label};
use super::{Context, Dialect, Entry, EntryKind, large_object_difference, level, script, write};
use crate::catalog::features::Features;
use crate::catalog::{Body, Catalog, Object, ObjectId};

/// One of two schemas.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The model.
    pub catalog: &'a Catalog,
    /// Numbers of the entries that are there, where a dump carries only some of them.
    pub carried: Option<&'a HashSet<u32>>,
}

/// What happened to an object on the way from the first side to the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both have it, and not alike.
    Changed,
}

/// An object that is not the same on both sides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// What happened.
    pub change: Change,
    /// `TABLE`, `FUNCTION`, `CONSTRAINT`, ….
    pub kind: String,
    /// Schema, unquoted.
    pub schema: Option<String>,
    /// Name, unquoted; functions with argument types, what hangs on a relation with `ON` and its name.
    pub name: String,
    /// Its statements hold a password: the texts are left out.
    pub secret: bool,
    /// Statements on the first side.
    pub before: Option<String>,
    /// Statements on the second side.
    pub after: Option<String>,
}

/// What two schemas came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Objects with something to say on either side.
    pub compared: u64,
    /// Those that differ, by schema and name.
    pub differences: Vec<Difference>,
}

/// Compares two schemas. The databases themselves (settings, owner, locale) are compared if they have the same name:
/// otherwise one is a copy beside the other, and these belong to each.
pub fn compare(before: Side<'_>, after: Side<'_>) -> Comparison {
    let versions = [before, after].map(|side| side.catalog.server.version);
    let (older, newer) = (versions[0].min(versions[1]), versions[0].max(versions[1]));
    let same_major = older.major() == newer.major();
    let described = |side: Side<'_>| Described::new(side, Features::of(older), Dialect { target: newer }, same_major);
    let (mut before, mut after) = (described(before), described(after));
    // A dump that filters were given to does not carry its database.
    let carried = [&before, &after].iter().all(|side| side.texts.contains_key(&Key::plain(DATABASE, &side.database)));
    if before.database != after.database || !carried {
        before.forget_database();
        after.forget_database();
    }
    let keys: BTreeSet<&Key> = before.texts.keys().chain(after.texts.keys()).collect();
    let mut comparison = Comparison::default();
    for key in keys {
        let (one, other) = (before.texts.get(key), after.texts.get(key));
        comparison.compared += u64::from([one, other].into_iter().flatten().any(|text| !text.statements.is_empty()));
        comparison.differences.extend(difference(key, (before.server, one), (after.server, other)));
    }
    let large_objects = large_object_difference::compare(&before.catalog, &after.catalog);
    comparison.compared += large_objects.compared;
    comparison.differences.extend(large_objects.differences);
    comparison
}

/// What two objects must have in common to be one: also the order they are told in, with what hangs on a relation behind
/// it. Fields are compared from the top.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    schema: Option<String>,
    /// The name of its parent or its own.
    home: String,
    hangs: bool,
    kind: String,
    name: String,
}

impl Key {
    fn new(object: &Object, label: Label, cx: &Context<'_>) -> Self {
        let parent = object.parent.and_then(|id| cx.object(id));
        let home = parent.map_or_else(|| label.name.clone(), |parent| parent.name.clone());
        Self { schema: label.schema, home, hangs: parent.is_some(), kind: label.kind, name: label.name }
    }

    fn plain(kind: &str, name: &str) -> Self {
        Self { schema: None, home: name.to_owned(), hangs: false, kind: kind.to_owned(), name: name.to_owned() }
    }
}

/// All that is said about an object.
#[derive(Clone, Debug, Default)]
struct Text {
    statements: String,
    secret: bool,
    /// Somebody else makes it: it is there, even if nothing is said about it.
    given: bool,
    view: bool,
}

/// A side's objects with their statements.
struct Described {
    server: Features,
    database: String,
    catalog: Catalog,
    texts: BTreeMap<Key, Text>,
}

impl Described {
    fn new(side: Side<'_>, older: Features, dialect: Dialect, same_major: bool) -> Self {
        let mut catalog = side.catalog.clone();
        level::level(&mut catalog, older);
        let mut entries = write(&catalog, dialect).entries;
        entries.retain(|entry| side.carried.is_none_or(|carried| carried.contains(&entry.id)));
        let mut texts = objects(&catalog, &entries, Features::of(dialect.target), same_major);
        for lost in &catalog.unsupported {
            let text = Text { statements: "-- not carried: this version does not know it\n".into(), ..Text::default() };
            texts.insert(Key::plain(&lost.class.to_uppercase(), &lost.name), text);
        }
        let about_database = entries.iter().filter(|entry| entry.is_about_database());
        let statements: String = about_database.map(script::single).collect();
        let name = catalog.database.name.clone();
        if !statements.is_empty() {
            texts.insert(Key::plain(DATABASE, &name), Text { statements, ..Text::default() });
        }
        Self { server: Features::of(catalog.server.version), database: name, catalog, texts }
    }

    fn forget_database(&mut self) {
        self.texts.remove(&Key::plain(DATABASE, &self.database));
    }
}

const DATABASE: &str = "DATABASE";

fn objects(catalog: &Catalog, entries: &[Entry], target: Features, same_major: bool) -> BTreeMap<Key, Text> {
    let cx = Context::new(catalog, target, HashSet::new());
    let mut by_object: HashMap<ObjectId, Vec<&Entry>> = HashMap::new();
    for entry in entries.iter().filter(|entry| script::is_schema(entry)) {
        if let Some(id) = entry.object {
            by_object.entry(id).or_default().push(entry);
        }
    }
    let mut texts: BTreeMap<Key, Text> = BTreeMap::new();
    for object in &catalog.objects {
        let Some(label) = label(object, &cx) else { continue };
        let entries = by_object.remove(&object.id).unwrap_or_default();
        let text = texts.entry(Key::new(object, label, &cx)).or_default();
        text.secret |= entries.iter().any(|entry| entry.secret);
        text.given |= object.is_given() || matches!(object.body, Body::System(_));
        // Servers of two majors come with different versions of one extension.
        if let (Body::Extension(extension), true) = (&object.body, same_major && !entries.is_empty()) {
            text.statements.push_str(&format!("-- version {}\n", extension.version));
        }
        text.statements.push_str(&statements(entries));
        text.view |= matches!(object.body, Body::View(_));
    }
    texts
}

/// The statements of one object: first what makes it, then the rest in an order that does not depend on its neighbours.
fn statements(mut entries: Vec<&Entry>) -> String {
    let first = entries.iter().position(|entry| entry.kind == EntryKind::Create);
    let mut text = first.map_or_else(String::new, |first| script::single(entries.remove(first)));
    let rank = |kind| match kind {
        EntryKind::Create => 0,
        EntryKind::Comment => 1,
        EntryKind::SecurityLabel => 2,
        _ => 3,
    };
    let mut rest: Vec<(u8, String)> =
        entries.into_iter().map(|entry| (rank(entry.kind), script::single(entry))).collect();
    rest.sort();
    rest.into_iter().for_each(|(_, statements)| text.push_str(&statements));
    text
}

fn difference(key: &Key, before: (Features, Option<&Text>), after: (Features, Option<&Text>)) -> Option<Difference> {
    let none = Text::default();
    let (one, other) = (before.1.unwrap_or(&none), after.1.unwrap_or(&none));
    if one.statements == other.statements {
        return None;
    }
    let both_views = one.view && other.view;
    if both_views && level::same_query((before.0, &one.statements), (after.0, &other.statements)) {
        return None;
    }
    let change = match (one.statements.is_empty(), other.statements.is_empty()) {
        (true, _) if !other.given => Change::Added,
        (_, true) if !one.given => Change::Removed,
        _ => Change::Changed,
    };
    let secret = one.secret || other.secret;
    let told = |text: &Text| (!secret && !text.statements.is_empty()).then(|| text.statements.clone());
    Some(Difference {
        change,
        kind: key.kind.clone(),
        schema: key.schema.clone(),
        name: key.name.clone(),
        secret,
        before: told(one),
        after: told(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::constraint::ConstraintRule;
    use crate::catalog::function::Function;
    use crate::catalog::view::View;
    use crate::catalog::{Class, Unsupported};
    use crate::ddl::sample::{catalog, column, constraint, not_null, object, on_table, table, table_object};
    use crate::ids::ServerVersion;

    /// A schema, a table with a check that stands apart, and a function.
    fn sample(offset: u32) -> Vec<Object> {
        let mut a = column("a", "integer");
        a.not_null = Some(not_null(None));
        let table = table_object(offset + 1, "t", table(vec![a]));
        let function = Function { signature: "integer".into(), language: "sql".into(), ..Function::default() };
        vec![table, object(Class::Function, offset + 2, "f", Body::Function(Box::new(function)))]
    }

    fn view(definition: &str) -> Object {
        let body = View { definition: definition.into(), columns: Vec::new(), options: Vec::new(), materialized: None };
        object(Class::Relation, 50, "v", Body::View(body))
    }

    fn of(objects: Vec<Object>, major: u32) -> Catalog {
        let mut catalog = catalog(objects);
        catalog.server.version = ServerVersion::from_major(major);
        catalog
    }

    fn told(before: &Catalog, after: &Catalog) -> Vec<(Change, String)> {
        let [before, after] = [before, after].map(|catalog| Side { catalog, carried: None });
        let found = compare(before, after).differences;
        found
            .into_iter()
            .map(|difference| (difference.change, format!("{} {}", difference.kind, difference.name)))
            .collect()
    }

    #[test]
    fn numbers_are_no_names() {
        let (one, other) = (of(sample(0), 18), of(sample(1000).into_iter().rev().collect(), 18));
        assert_eq!(told(&one, &other), []);
    }

    #[test]
    fn kind_schema_name_arguments_and_parent_are() {
        let one = sample(0);
        let mut other = one.clone();
        other[0].schema = Some("other".into());
        let Body::Function(function) = &mut other[1].body else { panic!("a function") };
        function.signature = "text".into();
        let expected = [
            (Change::Added, "TABLE t".to_owned()),
            (Change::Removed, "FUNCTION f(integer)".to_owned()),
            (Change::Added, "FUNCTION f(text)".to_owned()),
            (Change::Removed, "TABLE t".to_owned()),
        ];
        let mut found = told(&of(one, 18), &of(other, 18));
        found.sort_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        let mut expected = expected.to_vec();
        expected.sort_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        assert_eq!(found, expected);
        let check = |name: &str| {
            let rule = ConstraintRule::Check { expression: "true".into() };
            let mut check = constraint(rule);
            check.validated = false;
            on_table(Class::Constraint, 9, name, Body::Constraint(check))
        };
        let with = |check| of(sample(0).into_iter().chain([check]).collect(), 18);
        let found = told(&with(check("k")), &with(check("l")));
        assert!(found.contains(&(Change::Removed, "CONSTRAINT k ON t".to_owned())), "{found:?}");
        assert!(found.contains(&(Change::Added, "CONSTRAINT l ON t".to_owned())), "{found:?}");
    }

    #[test]
    fn owner_comment_and_text_make_one_change_with_both_texts() {
        let (one, mut other) = (sample(0), sample(0));
        other[0].owner = Some("p".into());
        other[0].comment = Some("c".into());
        let (one, other) = (of(one, 18), of(other, 18));
        let sides = [&one, &other].map(|catalog| Side { catalog, carried: None });
        let found = compare(sides[0], sides[1]).differences;
        assert_eq!(found.len(), 1);
        let after = found[0].after.clone().unwrap_or_default();
        assert!(after.ends_with("ALTER TABLE s.t OWNER TO p;\nCOMMENT ON TABLE s.t IS 'c';\n"), "{after}");
        assert!(found[0].before.as_ref().is_some_and(|before| before.contains("OWNER TO o;\n")));
    }

    #[test]
    fn what_an_older_server_cannot_know_is_no_difference() {
        let named = |name, major| {
            let mut objects = sample(0);
            let Body::Table(table) = &mut objects[0].body else { panic!("a table") };
            table.columns[0].not_null = Some(not_null(name));
            of(objects, major)
        };
        assert_eq!(told(&named(None, 15), &named(Some("renamed"), 18)), []);
        assert_eq!(told(&named(Some("old"), 18), &named(Some("renamed"), 18)).len(), 1);
        let views = |long, major| of(vec![view(if long { "SELECT t.a FROM s.t" } else { "SELECT a FROM s.t" })], major);
        assert_eq!(told(&views(true, 15), &views(false, 18)), []);
        assert_eq!(told(&views(false, 18), &views(true, 15)), []);
        assert_eq!(told(&views(true, 17), &views(false, 18)).len(), 1);
    }

    #[test]
    fn what_a_dump_leaves_out_and_what_nobody_knows_is_told() {
        let full = of(sample(0), 18);
        let none = HashSet::new();
        let (before, after) = (Side { catalog: &full, carried: Some(&none) }, Side { catalog: &full, carried: None });
        let found = compare(before, after);
        assert!(found.differences.iter().all(|difference| difference.change == Change::Added), "{found:?}");
        assert_eq!((found.compared, found.differences.len()), (2, 2), "{found:?}");
        let mut strange = full.clone();
        strange.unsupported.push(Unsupported { class: "hologram".into(), name: "h".into(), reason: None });
        assert_eq!(told(&full, &strange), [(Change::Added, "HOLOGRAM h".to_owned())]);
    }
}
