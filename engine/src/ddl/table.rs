//! Tables: `CREATE TABLE`, `ATTACH PARTITION`, `ENABLE ROW LEVEL SECURITY`.
//!
//! Columns come back in exactly the physical order of the source, because `SELECT *`, row types and COPY without a
//! column list depend on it. Partitions are therefore created standing alone and attached. Inheritance children name
//! their parents in `CREATE TABLE`, which puts inherited columns first; where the source has another order, a
//! short-lived first parent dictates it (see [`order_table`]). Children that joined their parents later do so again.

use super::column::{self, Above};
use super::constraint;
use super::draft::{Context, Draft, Stage};
use super::relation::{alter, drop, fdw_options, keyword, name, name_of, set_owner, storage_options};
use super::{LockKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::table::{Column, NotNull, ReplicaIdentity, Table, TableKind};
use crate::catalog::{Body, Object};
use crate::sql::{qualified, quote_ident};

/// Entries of a table: itself, its attachment, its row-level security.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Body::Table(table) = &object.body else { return Vec::new() };
    if object.extension.is_some() {
        return Vec::new();
    }
    let mut entries = vec![create(object, table, cx)];
    entries.extend(attach(object, table, cx));
    entries.extend(row_security(object, table));
    entries
}

/// How the columns of a table come into being.
enum Shape<'a> {
    /// All of them are listed.
    Alone,
    /// `OF type`: only what the type does not say is listed.
    Typed(&'a str),
    /// All of them are listed, and it joins its parents afterwards, as it did on the source.
    Joined(Vec<(&'a Object, &'a Table)>),
    /// Only what the parents do not bring is listed.
    Child {
        /// Parents that are in the catalog, in order.
        parents: Vec<(&'a Object, &'a Table)>,
        /// The name of the table that dictates the order, where the parents would give another one.
        order: Option<String>,
    },
}

impl<'a> Shape<'a> {
    /// What a column inherits at creation.
    fn above(&self, column: &Column, cx: &Context<'a>) -> Above<'a> {
        match self {
            Self::Child { parents, order } => Above::of(&column.name, parents, order.is_some(), cx),
            Self::Alone | Self::Typed(_) | Self::Joined(_) => Above::default(),
        }
    }

    /// Whether a column stands in `CREATE TABLE`, or is the type's and needs nothing beyond it.
    fn lists(&self, object: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> bool {
        match self {
            Self::Child { .. } => column::is_listed(object, column, above, cx),
            Self::Alone | Self::Typed(_) | Self::Joined(_) => true,
        }
    }
}

fn shape<'a>(object: &'a Object, table: &'a Table, cx: &Context<'a>) -> Shape<'a> {
    if let Some(of_type) = &table.of_type {
        return Shape::Typed(of_type);
    }
    if table.partition_bound.is_some() {
        return Shape::Alone;
    }
    let mut parents = parents(table, cx);
    parents.retain(|(_, parent)| contradiction(table, parent, cx).is_none());
    if parents.is_empty() {
        return Shape::Alone;
    }
    if is_all_local(object, table, cx) {
        return Shape::Joined(parents);
    }
    let order = (merged_order(table, &parents) != names(table)).then(|| order_name(object));
    Shape::Child { parents, order }
}

/// A column that is generated in one of the two alone, which servers from 16 on do not accept of parent and child.
fn contradiction<'a>(table: &'a Table, parent: &Table, cx: &Context<'_>) -> Option<&'a str> {
    let differs = |column: &&Column| {
        let other = parent.columns.iter().find(|other| other.name == column.name);
        other.is_some_and(|other| other.generated.is_some() != column.generated.is_some())
    };
    if !cx.has(Feature::ChildGenerationExpressions) {
        return None;
    }
    table.columns.iter().find(differs).map(|column| column.name.as_str())
}

/// Whether everything it inherits was also declared on it: so it is after `ALTER TABLE … INHERIT`, which asks for all of it
/// to be there, and which allows more than `CREATE TABLE … INHERITS` (another order, other generation expressions).
fn is_all_local(object: &Object, table: &Table, cx: &Context<'_>) -> bool {
    // Before 18 nothing tells a declared NOT NULL from an inherited one; from then on it is a constraint of its own.
    let telling = cx.has(Feature::NotNullConstraints);
    let declared = |not_null: &NotNull| {
        not_null.local || !not_null.inherited && not_null.name.is_some() || not_null.name.is_none() && !telling
    };
    let column = |column: &Column| !column.inherited || column.local && column.not_null.as_ref().is_none_or(declared);
    let constraint = |child: &&Object| match &child.body {
        Body::Constraint(constraint) => constraint.local || !constraint.inherited,
        _ => true,
    };
    table.columns.iter().all(column) && cx.children(object.id).iter().all(constraint)
}

/// The tables it inherits from.
pub(super) fn parents<'a>(table: &Table, cx: &Context<'a>) -> Vec<(&'a Object, &'a Table)> {
    let table_of = |object: &'a Object| match &object.body {
        Body::Table(table) => Some((object, &**table)),
        _ => None,
    };
    table.parents.iter().filter_map(|id| cx.object(*id).and_then(table_of)).collect()
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

/// The order `INHERITS` gives: the parents' columns in their order, then what is left.
fn merged_order<'a>(table: &'a Table, parents: &[(&Object, &'a Table)]) -> Vec<&'a str> {
    let mut order: Vec<&str> = Vec::with_capacity(table.columns.len());
    let from_parents = parents.iter().flat_map(|(_, parent)| names(parent));
    for name in from_parents.chain(names(table)) {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    order
}

/// A name that no one uses, made from the child's; cut to the server's 63 bytes.
fn order_name(object: &Object) -> String {
    const SUFFIX: &str = "_pgfreight_order";
    let mut end = object.name.len().min(63 - SUFFIX.len());
    while !object.name.is_char_boundary(end) {
        end -= 1;
    }
    qualified(object.schema.as_deref(), &format!("{}{SUFFIX}", &object.name[..end]))
}

fn create(object: &Object, table: &Table, cx: &Context<'_>) -> Draft {
    let desc = if table.kind == TableKind::Foreign { "FOREIGN TABLE" } else { "TABLE" };
    let mut draft = Draft::new(object, desc, Section::PreData);
    draft.relation = Some(object.id);
    draft.set_owner = set_owner(object);
    draft.drop = Some(drop(object));
    draft.tablespace.clone_from(&table.tablespace);
    if table.kind != TableKind::Partitioned {
        draft.access_method.clone_from(&table.access_method);
    }
    if table.partition_bound.is_none() {
        let lost = |(parent, body): (&Object, &Table)| {
            let column = contradiction(table, body, cx)?;
            Some(format!("inheritance from {}: column {column} is generated in one of them only", parent.name))
        };
        draft.losses.extend(parents(table, cx).into_iter().filter_map(lost));
    }
    let shape = shape(object, table, cx);
    if let Shape::Child { parents, order: Some(order) } = &shape {
        draft.create.push(order_table(order, object, table, &shape, cx));
        draft.create.extend(order_storage(order, table, parents));
    }
    let statement = statement(object, table, &shape, cx, &mut draft.losses);
    draft.create.push(statement);
    if let Shape::Child { order: Some(order), .. } = &shape {
        draft.create.push(format!("{} {} NO INHERIT {order}", alter(object), name(object)));
        draft.create.push(format!("DROP TABLE {order}"));
    }
    if let Shape::Child { parents, .. } | Shape::Joined(parents) = &shape {
        draft.after.extend(parents.iter().map(|(parent, _)| parent.id));
    }
    if let Shape::Joined(parents) = &shape {
        let join =
            |(parent, _): &(&Object, &Table)| format!("{} {} INHERIT {}", alter(object), name(object), name(parent));
        draft.create.extend(parents.iter().map(join));
    }
    for column in &table.columns {
        let above = shape.above(column, cx);
        if !shape.lists(object, column, &above, cx) {
            draft.create.extend(column::differences(object, column, &above, cx));
        }
        draft.create.extend(column::settings(object, column, &above, cx));
    }
    draft.create.extend(marks(object, table, cx, &mut draft.losses));
    draft
}

/// What can only be said of the table once it exists.
fn marks(object: &Object, table: &Table, cx: &Context<'_>, losses: &mut Vec<String>) -> Vec<String> {
    let mut statements = Vec::new();
    let mut say = |what: &str| statements.push(format!("{} ONLY {} {what}", alter(object), name(object)));
    match table.replica_identity {
        ReplicaIdentity::Nothing => say("REPLICA IDENTITY NOTHING"),
        ReplicaIdentity::Full => say("REPLICA IDENTITY FULL"),
        ReplicaIdentity::Default | ReplicaIdentity::Index => {}
    }
    if table.force_row_security {
        say("FORCE ROW LEVEL SECURITY");
    }
    if let (TableKind::Partitioned, Some(method)) = (table.kind, &table.access_method) {
        // `default_table_access_method` says nothing for partitioned tables.
        match cx.has(Feature::PartitionedAccessMethod) {
            true => say(&format!("SET ACCESS METHOD {}", quote_ident(method))),
            false => losses.push(format!("access method {method} of a partitioned table")),
        }
    }
    statements
}

fn statement(object: &Object, table: &Table, shape: &Shape<'_>, cx: &Context<'_>, losses: &mut Vec<String>) -> String {
    let unlogged =
        table.unlogged && !(table.kind == TableKind::Partitioned && cx.has(Feature::PartitionedAlwaysLogged));
    let mut sql = format!(
        "CREATE {}{} {}",
        if unlogged { "UNLOGGED " } else { "" },
        if table.kind == TableKind::Foreign { "FOREIGN TABLE" } else { "TABLE" },
        name(object)
    );
    let elements = elements(object, table, shape, cx, losses);
    if let Shape::Typed(of_type) = shape {
        sql.push_str(&format!(" OF {of_type}"));
    }
    if !(elements.is_empty() && matches!(shape, Shape::Typed(_))) {
        let body = elements.iter().map(|element| format!("\n    {element}")).collect::<Vec<_>>().join(",");
        sql.push_str(&format!(" ({body}\n)"));
    }
    if let Shape::Child { parents, order } = shape {
        let parents = parents.iter().map(|(parent, _)| name(parent));
        let all: Vec<String> = order.iter().cloned().chain(parents).collect();
        sql.push_str(&format!("\nINHERITS ({})", all.join(", ")));
    }
    if let Some(key) = &table.partition_key {
        sql.push_str(&format!("\nPARTITION BY {key}"));
    }
    if let Some(foreign) = &table.foreign {
        sql.push_str(&format!("\nSERVER {}", quote_ident(&foreign.server)));
        if !foreign.options.is_empty() {
            sql.push_str(&format!("\nOPTIONS ({})", fdw_options(&foreign.options)));
        }
    }
    let options = storage_options(&table.options, &table.toast_options);
    if !options.is_empty() {
        sql.push_str(&format!("\nWITH ({options})"));
    }
    sql
}

/// Columns and constraints between the parentheses.
fn elements(
    object: &Object,
    table: &Table,
    shape: &Shape<'_>,
    cx: &Context<'_>,
    losses: &mut Vec<String>,
) -> Vec<String> {
    let mut elements = Vec::new();
    for column in &table.columns {
        let above = shape.above(column, cx);
        elements.extend(match shape {
            Shape::Typed(_) => column::typed(object, column, cx, losses),
            _ if shape.lists(object, column, &above, cx) => {
                Some(column::definition(object, column, &above, cx, losses))
            }
            _ => {
                let lost = |name: &str| format!("name {name} of the not-null constraint on column {}", column.name);
                losses.extend(column::unlisted_name(column, cx).map(lost));
                column::unlisted_not_null(column, cx)
            }
        });
    }
    elements.extend(constraint::inline(object, table.partition_bound.is_some(), cx));
    elements
}

/// A table with the child's columns in the child's order. As first of several parents it decides where each column
/// goes; once it is detached and dropped, nothing of it remains: columns that real parents have stay inherited,
/// the others become the child's own. `ALTER TABLE … INHERIT` would keep the order too, but would make every
/// inherited column a local one.
fn order_table(order: &str, object: &Object, table: &Table, shape: &Shape<'_>, cx: &Context<'_>) -> String {
    let one = |column: &Column| column::bare(object, column, &shape.above(column, cx), cx);
    let columns = table.columns.iter().map(|column| format!("\n    {}", one(column))).collect::<Vec<_>>().join(",");
    format!("CREATE TABLE {order} ({columns}\n)")
}

/// Parents of one column must agree on its storage.
fn order_storage(order: &str, table: &Table, parents: &[(&Object, &Table)]) -> Vec<String> {
    let inherited = |column: &Column| {
        let above = parents.iter().find_map(|(_, parent)| parent.columns.iter().find(|c| c.name == column.name))?;
        let storage = above.storage.as_ref()?;
        Some(format!("ALTER TABLE {order} ALTER COLUMN {} SET STORAGE {storage}", quote_ident(&column.name)))
    };
    table.columns.iter().filter_map(inherited).collect()
}

fn attach(object: &Object, table: &Table, cx: &Context<'_>) -> Option<Draft> {
    let bound = table.partition_bound.as_ref()?;
    let parent = *table.parents.first()?;
    let parent_name = name_of(parent, cx)?;
    let mut draft = Draft::new(object, "TABLE ATTACH", Section::PreData);
    draft.stage = Stage::Attach;
    draft.relation = Some(object.id);
    draft.after.push(parent);
    draft.locks = vec![(parent, LockKind::Exclusive), (object.id, LockKind::Exclusive)];
    draft.create.push(format!("ALTER TABLE ONLY {parent_name} ATTACH PARTITION {} {bound}", name(object)));
    if !cx.has(Feature::SharedPartitionIdentity) {
        let shared = table
            .columns
            .iter()
            .filter(|column| column.identity.is_some() && !column::own_identity(object, column, cx));
        let loss =
            |column: &Column| format!("identity of column {} when rows go to the partition directly", column.name);
        draft.losses.extend(shared.map(loss));
    }
    Some(draft)
}

/// Policies bind only from here on, when the data is in.
fn row_security(object: &Object, table: &Table) -> Option<Draft> {
    if !table.row_security {
        return None;
    }
    let mut draft = Draft::new(object, "ROW SECURITY", Section::PostData);
    draft.stage = Stage::RowSecurity;
    draft.relation = Some(object.id);
    draft.locks = vec![(object.id, LockKind::Exclusive)];
    draft.create.push(format!("ALTER {} {} ENABLE ROW LEVEL SECURITY", keyword(object), name(object)));
    draft.drop = Some(format!("ALTER TABLE IF EXISTS {} DISABLE ROW LEVEL SECURITY", name(object)));
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::table::{ForeignTable, Generated};
    use crate::ddl::sample::{column, default, drafts, id, not_null, sql, table, table_object};

    fn option(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_table_with_everything_beside_it() {
        let mut a = column("a", "integer");
        a.not_null = Some(not_null(None));
        a.statistics = Some(500);
        let mut b = column("B", "text");
        b.collation = Some("pg_catalog.\"C\"".to_owned());
        b.storage = Some("EXTERNAL".to_owned());
        b.compression = Some("lz4".to_owned());
        b.options = vec![option("n_distinct", "-0.5")];
        let mut body = table(vec![a, b]);
        body.unlogged = true;
        body.options = vec![option("fillfactor", "70")];
        body.toast_options = vec![option("autovacuum_enabled", "off")];
        body.replica_identity = ReplicaIdentity::Full;
        body.row_security = true;
        body.force_row_security = true;
        body.tablespace = Some("ts".to_owned());
        let objects = [table_object(1, "select", body), default(1, "a", "1", None)];
        let entries = drafts(&objects, 0, 14, entries);
        assert_eq!(
            entries[0].create,
            [
                "CREATE UNLOGGED TABLE s.\"select\" (\n    a integer DEFAULT 1 NOT NULL,\n    \
                 \"B\" text COLLATE pg_catalog.\"C\"\n)\n\
                 WITH (fillfactor='70', toast.autovacuum_enabled='off')",
                "ALTER TABLE ONLY s.\"select\" ALTER COLUMN a SET STATISTICS 500",
                "ALTER TABLE ONLY s.\"select\" ALTER COLUMN \"B\" SET STORAGE EXTERNAL",
                "ALTER TABLE ONLY s.\"select\" ALTER COLUMN \"B\" SET COMPRESSION lz4",
                "ALTER TABLE ONLY s.\"select\" ALTER COLUMN \"B\" SET (n_distinct='-0.5')",
                "ALTER TABLE ONLY s.\"select\" REPLICA IDENTITY FULL",
                "ALTER TABLE ONLY s.\"select\" FORCE ROW LEVEL SECURITY",
            ]
        );
        assert_eq!(entries[0].set_owner.as_deref(), Some("ALTER TABLE s.\"select\" OWNER TO o"));
        assert_eq!(entries[0].drop.as_deref(), Some("DROP TABLE IF EXISTS s.\"select\""));
        assert_eq!(entries[0].tablespace.as_deref(), Some("ts"));
        assert_eq!(entries[1].create, ["ALTER TABLE s.\"select\" ENABLE ROW LEVEL SECURITY"]);
        assert_eq!((entries[1].stage, entries[1].section), (Stage::RowSecurity, Section::PostData));
    }

    #[test]
    fn a_partition_stands_alone_and_is_attached() {
        let mut parent = table(vec![column("a", "integer")]);
        parent.kind = TableKind::Partitioned;
        parent.partition_key = Some("LIST (a)".to_owned());
        parent.unlogged = true;
        let mut own = column("a", "integer");
        (own.inherited, own.local) = (true, false);
        let mut child = table(vec![own]);
        child.parents = vec![id(Class::Relation, 1)];
        child.partition_bound = Some("FOR VALUES IN (1)".to_owned());
        let objects = [table_object(1, "p", parent), table_object(2, "c", child)];
        assert_eq!(sql(&objects, 0, 18, entries), ["CREATE TABLE s.p (\n    a integer\n)\nPARTITION BY LIST (a)"]);
        assert!(sql(&objects, 0, 17, entries)[0].starts_with("CREATE UNLOGGED TABLE"));
        assert_eq!(
            sql(&objects, 1, 18, entries),
            ["CREATE TABLE s.c (\n    a integer\n)", "ALTER TABLE ONLY s.p ATTACH PARTITION s.c FOR VALUES IN (1)",]
        );
    }

    /// A parent with `a` and `b`, and a child with these columns, of which `a` and `b` are inherited.
    fn family(order: [&str; 3]) -> [Object; 2] {
        let of_child = |name: &&str| {
            let mut column = column(name, "integer");
            (column.inherited, column.local) = (*name != "own", *name == "own");
            column
        };
        let mut child = table(order.iter().map(of_child).collect());
        child.parents = vec![id(Class::Relation, 1)];
        let parent = table(vec![column("a", "integer"), column("b", "integer")]);
        [table_object(1, "parent", parent), table_object(2, "child", child)]
    }

    #[test]
    fn a_child_in_its_parents_order_lists_only_what_is_its_own() {
        let objects = family(["a", "b", "own"]);
        assert_eq!(sql(&objects, 1, 18, entries), ["CREATE TABLE s.child (\n    own integer\n)\nINHERITS (s.parent)"]);
        assert_eq!(drafts(&objects, 1, 18, entries)[0].after, [id(Class::Relation, 1)]);
    }

    #[test]
    fn a_child_in_another_order_is_made_under_a_parent_that_dictates_it() {
        assert_eq!(
            sql(&family(["a", "own", "b"]), 1, 18, entries),
            [
                "CREATE TABLE s.child_pgfreight_order (\n    a integer,\n    own integer,\n    b integer\n)",
                "CREATE TABLE s.child (\n    own integer\n)\nINHERITS (s.child_pgfreight_order, s.parent)",
                "ALTER TABLE s.child NO INHERIT s.child_pgfreight_order",
                "DROP TABLE s.child_pgfreight_order",
            ]
        );
    }

    #[test]
    fn a_child_that_joined_its_parent_joins_it_again() {
        let [parent, mut child] = family(["own", "b", "a"]);
        if let Body::Table(table) = &mut child.body {
            table.columns.iter_mut().for_each(|column| column.local = true);
        }
        assert_eq!(
            sql(&[parent, child], 1, 18, entries),
            [
                "CREATE TABLE s.child (\n    own integer,\n    b integer,\n    a integer\n)",
                "ALTER TABLE s.child INHERIT s.parent",
            ]
        );
    }

    #[test]
    fn the_name_of_the_ordering_table_fits_the_server() {
        let long = table_object(1, &"ü".repeat(31), table(Vec::new()));
        assert_eq!(order_name(&long), format!("s.\"{}_pgfreight_order\"", "ü".repeat(23)));
    }

    #[test]
    fn what_a_child_inherits_differently_is_set_on_it_alone() {
        let [parent, child] = family(["a", "b", "own"]);
        let same = [parent, child, default(1, "a", "1", None), default(2, "a", "1", None)];
        assert_eq!(sql(&same, 1, 14, entries).len(), 1);
        let [parent, child] = family(["a", "b", "own"]);
        let other = [parent, child, default(1, "a", "1", None), default(2, "b", "2", None)];
        assert_eq!(
            sql(&other, 1, 14, entries)[1..],
            [
                "ALTER TABLE ONLY s.child ALTER COLUMN a DROP DEFAULT",
                "ALTER TABLE ONLY s.child ALTER COLUMN b SET DEFAULT 2",
            ]
        );
    }

    #[test]
    fn a_foreign_table_names_its_server() {
        let mut a = column("a", "integer");
        a.fdw_options = vec![option("n", "it's")];
        let mut body = table(vec![a]);
        body.kind = TableKind::Foreign;
        body.foreign = Some(ForeignTable { server: "s r".to_owned(), options: vec![option("x", "\\")] });
        let statements = sql(&[table_object(1, "f", body)], 0, 14, entries);
        let expected =
            "CREATE FOREIGN TABLE s.f (\n    a integer OPTIONS (n 'it''s')\n)\nSERVER \"s r\"\nOPTIONS (x E'\\\\')";
        assert_eq!(statements, [expected]);
    }

    #[test]
    fn virtual_columns_are_stored_where_they_must_be_and_that_is_said() {
        let mut b = column("b", "integer");
        b.generated = Some(Generated::Virtual);
        let objects = [table_object(1, "t", table(vec![b])), default(1, "b", "1 + 1", Some(Generated::Virtual))];
        let clause = |major| sql(&objects, 0, major, entries).remove(0);
        assert!(clause(18).contains("b integer GENERATED ALWAYS AS (1 + 1) VIRTUAL"));
        assert!(clause(17).contains("b integer GENERATED ALWAYS AS (1 + 1) STORED"));
        let losses = drafts(&objects, 0, 17, entries).remove(0).losses;
        assert_eq!(losses, ["column b is generated on write instead of on read"]);
    }

    #[test]
    fn not_null_is_named_where_its_name_is_not_the_servers_own() {
        let named = |name: Option<&str>| {
            let mut a = column("a", "integer");
            a.not_null = Some(not_null(name));
            [table_object(1, "t", table(vec![a]))]
        };
        let line = |name, major| sql(&named(name), 0, major, entries).remove(0);
        assert!(line(Some("t_a_not_null"), 18).contains("a integer NOT NULL"));
        assert!(line(Some("mine"), 18).contains("a integer CONSTRAINT mine NOT NULL"));
        assert!(line(Some("mine"), 17).contains("a integer NOT NULL"));
        assert!(line(None, 18).contains("a integer NOT NULL"));
        assert_eq!(drafts(&named(Some("t_a_not_null")), 0, 17, entries)[0].losses, Vec::<String>::new());
        assert_eq!(drafts(&named(Some("mine")), 0, 17, entries)[0].losses.len(), 1);
    }

    #[test]
    fn members_of_extensions_are_not_written() {
        let mut object = table_object(1, "t", table(Vec::new()));
        object.extension = Some("e".to_owned());
        assert_eq!(drafts(&[object], 0, 18, entries), []);
    }
}
