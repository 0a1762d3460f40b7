//! Constraints: checks inside `CREATE TABLE`, everything else by `ALTER TABLE … ADD CONSTRAINT` after the data.

use super::column::is_plain_not_null;
use super::draft::{Context, Draft};
use super::relation::{alter, list, name, name_of, parent, part, storage_options};
use super::trigger::words;
use super::{LockKind, Section, index};
use crate::catalog::constraint::{Constraint, ConstraintRule, EnforcingTrigger, ForeignKey, Key};
use crate::catalog::features::Feature;
use crate::catalog::table::{Column, NotNull, Table, TableKind};
use crate::catalog::{Body, Object, ObjectId};
use crate::sql::{quote_ident, quote_literal};

/// The checks that are written inside a table's parentheses. A partition stands alone until it is attached, so it
/// needs its parent's checks as well; an inheritance child gets them by itself.
pub(super) fn inline(table: &Object, partition: bool, cx: &Context<'_>) -> Vec<String> {
    let check = |child: &&Object| match &child.body {
        Body::Constraint(constraint) if is_inline(child, constraint, cx) && (constraint.local || partition) => {
            check_clause(&child.name, constraint)
        }
        _ => None,
    };
    cx.children(table.id).iter().filter_map(check).collect()
}

/// Whether a constraint of a table or a domain is written inside the statement that makes it.
pub(super) fn is_inline(object: &Object, constraint: &Constraint, cx: &Context<'_>) -> bool {
    matches!(constraint.rule, ConstraintRule::Check { .. }) && constraint.validated && !cx.is_separate(object.id)
}

/// `CONSTRAINT n CHECK (e) NO INHERIT NOT VALID`, of a table or a domain; `None` if it is no check.
pub fn check_clause(name: &str, constraint: &Constraint) -> Option<String> {
    let ConstraintRule::Check { expression } = &constraint.rule else { return None };
    let mut sql = format!("CONSTRAINT {} CHECK ({expression})", quote_ident(name));
    if constraint.no_inherit {
        sql.push_str(" NO INHERIT");
    }
    sql.push_str(state(constraint));
    Some(sql)
}

/// How far it is in force, as the last words of a constraint.
fn state(constraint: &Constraint) -> &'static str {
    match (constraint.enforced, constraint.validated) {
        (false, _) => " NOT ENFORCED",
        (true, false) => " NOT VALID",
        (true, true) => "",
    }
}

/// Entries of a table's constraint: none for what its table's own entry contains, otherwise one.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Constraint(constraint), Some(table)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    let Body::Table(body) = &table.body else { return Vec::new() };
    if object.extension.is_some() || table.extension.is_some() {
        return Vec::new();
    }
    let partition = body.partition_bound.is_some();
    let draft = match &constraint.rule {
        ConstraintRule::NotNull { column } => body.columns.iter().find(|c| c.name == *column).and_then(|column| {
            let not_null = column.not_null.as_ref()?;
            match not_null.local {
                true => not_null_apart(object, table, (column, not_null), cx),
                false if partition || not_null.not_valid => None,
                false => validate(object, table, body, cx),
            }
        }),
        // A partition's or child's copy comes and goes with the original.
        ConstraintRule::Check { .. } if is_inline(object, constraint, cx) => {
            (!constraint.local && !partition).then(|| validate(object, table, body, cx)).flatten()
        }
        ConstraintRule::Check { .. } if !(constraint.local || partition && constraint.validated) => None,
        ConstraintRule::Check { .. } => Some(check_apart(object, constraint, table, cx)),
        ConstraintRule::Key(key) => Some(key_entry(object, constraint, key, table, cx)),
        ConstraintRule::Exclusion { index, definition } => {
            Some(with_index(add(object, table, "CONSTRAINT", true, Some(definition.clone())), table, *index, cx))
        }
        ConstraintRule::ForeignKey(key) => foreign_key(object, constraint, key, table, cx),
    };
    let set_states = |mut draft: Draft| {
        if !draft.create.is_empty() {
            draft.create.extend(constraint.triggers.iter().filter_map(|trigger| set_state(object, table, trigger, cx)));
        }
        draft
    };
    draft.map(set_states).into_iter().collect()
}

/// Whether the target can have a constraint, and with it its index.
pub(super) fn is_written(id: ObjectId, cx: &Context<'_>) -> bool {
    cx.object(id).is_some_and(|object| entries(object, cx).iter().any(|draft| !draft.create.is_empty()))
}

/// Brings a constraint's own trigger into the state it was in. Its name contains its OID, so it is looked up.
fn set_state(object: &Object, table: &Object, trigger: &EnforcingTrigger, cx: &Context<'_>) -> Option<String> {
    let on = cx.object(trigger.table)?;
    let alter = format!("{} {} {} TRIGGER %I", alter(on), name(on).replace('%', "%%"), words(trigger.enabled));
    let body = format!(
        "BEGIN EXECUTE (SELECT pg_catalog.format({}, t.tgname)\n\
         \x20 FROM pg_catalog.pg_trigger t\n\
         \x20 JOIN pg_catalog.pg_constraint c ON c.oid = t.tgconstraint\n\
         \x20 JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid\n\
         \x20WHERE c.conrelid = {}::pg_catalog.regclass AND c.conname = {}\n\
         \x20  AND t.tgrelid = {}::pg_catalog.regclass AND p.proname = {}); END",
        quote_literal(&alter),
        quote_literal(&name(table)),
        quote_literal(&object.name),
        quote_literal(&name(on)),
        quote_literal(&trigger.function)
    );
    Some(format!("DO {}", quote_literal(&body)))
}

/// `ALTER TABLE … ADD CONSTRAINT n …`; without statement if the target cannot have it.
fn add(object: &Object, table: &Object, desc: &'static str, only: bool, clause: Option<String>) -> Draft {
    let mut draft = part(Draft::new(object, desc, Section::PostData), table);
    draft.create.extend(clause.map(|clause| add_clause(object, table, only, &clause)));
    let exists = format!("{} IF EXISTS {}{}", alter(table), if only { "ONLY " } else { "" }, name(table));
    draft.drop = Some(format!("{exists} DROP CONSTRAINT IF EXISTS {}", quote_ident(&object.name)));
    draft.locks = vec![(table.id, LockKind::Exclusive)];
    draft.after.push(table.id);
    draft
}

/// `ALTER TABLE … ADD CONSTRAINT n …`.
pub(super) fn add_clause(object: &Object, table: &Object, only: bool, clause: &str) -> String {
    let only = if only { "ONLY " } else { "" };
    format!("{} {only}{} ADD CONSTRAINT {} {clause}", alter(table), name(table), quote_ident(&object.name))
}

/// A check that must wait: not valid, not enforced, or part of a loop. Children get their copies from it.
fn check_apart(object: &Object, constraint: &Constraint, table: &Object, cx: &Context<'_>) -> Draft {
    let known = constraint.enforced || cx.has(Feature::NotEnforcedConstraints);
    let prefix = format!("CONSTRAINT {} ", quote_ident(&object.name));
    let clause = check_clause(&object.name, constraint).map(|clause| clause[prefix.len()..].to_owned());
    let mut draft = add(object, table, "CHECK CONSTRAINT", false, clause.filter(|_| known));
    if !known {
        draft.losses.push(format!("check constraint {} is not enforced", object.name));
    }
    draft
}

/// A child made after its parent's constraint became `NOT VALID` has a valid copy of it, which the parent's entry will make
/// not valid. Validating it reads the child once. Before 18 there is no such not-null constraint to validate.
fn validate(object: &Object, table: &Object, body: &Table, cx: &Context<'_>) -> Option<Draft> {
    let waits = |parent: &ObjectId| {
        cx.children(*parent).iter().find(|other| {
            let Body::Constraint(constraint) = &other.body else { return false };
            other.name == object.name && constraint.enforced && !constraint.validated
        })
    };
    let original = body.parents.iter().find_map(waits)?;
    let mut draft = part(Draft::new(object, "CHECK CONSTRAINT", Section::PostData), table);
    let validate = format!("VALIDATE CONSTRAINT {}", quote_ident(&object.name));
    let is_not_null = matches!(&object.body, Body::Constraint(Constraint { rule: ConstraintRule::NotNull { .. }, .. }));
    if !is_not_null || cx.has(Feature::NotNullConstraints) {
        draft.create.push(format!("{} {} {validate}", alter(table), name(table)));
    }
    draft.locks = vec![(table.id, LockKind::Exclusive)];
    draft.after.extend([table.id, original.id]);
    Some(draft)
}

/// A not-null constraint that cannot be part of its column: `NOT VALID`, or `NO INHERIT` where only a check can say it. Where
/// the column can say it, the entry has nothing to do: entries have the same numbers for every target.
fn not_null_apart(
    object: &Object,
    table: &Object,
    (column, not_null): (&Column, &NotNull),
    cx: &Context<'_>,
) -> Option<Draft> {
    let can_be_apart = not_null.not_valid || not_null.no_inherit && column.identity.is_none();
    if !can_be_apart {
        return None;
    }
    if is_plain_not_null(column, not_null, cx) {
        let nothing = add(object, table, "CONSTRAINT", false, None);
        return Some(Draft { drop: None, locks: Vec::new(), ..nothing });
    }
    let inherit = if not_null.no_inherit { " NO INHERIT" } else { "" };
    let valid = if not_null.not_valid { " NOT VALID" } else { "" };
    let column = quote_ident(&column.name);
    if cx.has(Feature::NotNullConstraints) {
        let clause = format!("NOT NULL {column}{inherit}{valid}");
        return Some(add(object, table, "CONSTRAINT", false, Some(clause)));
    }
    let clause = format!("CHECK (({column} IS NOT NULL)){inherit}{valid}");
    let mut draft = add(object, table, "CHECK CONSTRAINT", false, Some(clause));
    draft.losses.push(format!("not-null constraint {} becomes a check", object.name));
    Some(draft)
}

fn key_entry(object: &Object, constraint: &Constraint, key: &Key, table: &Object, cx: &Context<'_>) -> Draft {
    let known = !key.without_overlaps || cx.has(Feature::TemporalConstraints);
    let distinct = key.nulls_not_distinct && !cx.has(Feature::NullsNotDistinct);
    let mut clause = if key.primary { "PRIMARY KEY".to_owned() } else { "UNIQUE".to_owned() };
    if key.nulls_not_distinct && !distinct {
        clause.push_str(" NULLS NOT DISTINCT");
    }
    let overlaps = if key.without_overlaps { " WITHOUT OVERLAPS" } else { "" };
    clause.push_str(&format!(" ({}{overlaps})", list(&key.columns)));
    if !key.include.is_empty() {
        clause.push_str(&format!(" INCLUDE ({})", list(&key.include)));
    }
    if !key.options.is_empty() {
        clause.push_str(&format!(" WITH ({})", storage_options(&key.options, &[])));
    }
    clause.push_str(deferral(constraint));
    let mut draft = add(object, table, "CONSTRAINT", true, known.then_some(clause));
    if !known {
        draft.losses.push(format!("constraint {} without overlaps", object.name));
        return draft;
    }
    if distinct {
        draft.losses.push(format!("constraint {} holds nulls for distinct", object.name));
    }
    with_index(draft, table, key.index, cx)
}

pub(super) fn deferral(constraint: &Constraint) -> &'static str {
    match (constraint.deferrable, constraint.deferred) {
        (true, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        (false, _) => "",
    }
}

/// What the constraint's index has of its own.
fn with_index(mut draft: Draft, table: &Object, id: ObjectId, cx: &Context<'_>) -> Draft {
    if let Some(found) = cx.object(id)
        && let Body::Index(body) = &found.body
    {
        draft.tablespace.clone_from(&body.tablespace);
        draft.create.extend(index::marks(found, body, table));
        if body.attached_to.is_some() {
            draft.drop = None; // it goes with what it is attached to
        }
    }
    draft
}

fn foreign_key(
    object: &Object,
    constraint: &Constraint,
    key: &ForeignKey,
    table: &Object,
    cx: &Context<'_>,
) -> Option<Draft> {
    let references = name_of(key.references, cx)?;
    let partitioned = matches!(&table.body, Body::Table(body) if body.kind == TableKind::Partitioned);
    let known = (constraint.enforced || cx.has(Feature::NotEnforcedConstraints))
        && (!key.period || cx.has(Feature::TemporalConstraints));
    let columns = key.delete_columns.is_empty() || cx.has(Feature::ForeignKeyDeleteColumns);
    // Before 18 a partitioned table's foreign key is valid or not there.
    let validate = partitioned && constraint.enforced && !constraint.validated && !cx.has(Feature::NotNullConstraints);
    let mut clause = foreign_key_clause(key, &references, columns);
    clause.push_str(deferral(constraint));
    clause.push_str(if validate { "" } else { state(constraint) });
    let mut draft = add(object, table, "FK CONSTRAINT", !partitioned, known.then_some(clause));
    draft.locks.push((key.references, LockKind::Exclusive));
    draft.after.push(key.references);
    if !known {
        draft.losses.push(format!("foreign key {}", object.name));
    } else if !columns {
        draft.losses.push(format!("foreign key {} acts on all of its columns on delete", object.name));
    } else if validate {
        draft.losses.push(format!("foreign key {} is validated", object.name));
    }
    Some(draft)
}

fn foreign_key_clause(key: &ForeignKey, references: &str, delete_columns: bool) -> String {
    // PERIOD stands before the last column on both sides.
    let side = |columns: &[String]| match columns.split_last() {
        Some((last, [])) if key.period => format!("PERIOD {}", quote_ident(last)),
        Some((last, rest)) if key.period => format!("{}, PERIOD {}", list(rest), quote_ident(last)),
        _ => list(columns),
    };
    let mut clause = format!("FOREIGN KEY ({}) REFERENCES {references}({})", side(&key.columns), side(&key.referenced));
    if key.match_full {
        clause.push_str(" MATCH FULL");
    }
    if let Some(action) = &key.on_update {
        clause.push_str(&format!(" ON UPDATE {action}"));
    }
    if let Some(action) = &key.on_delete {
        clause.push_str(&format!(" ON DELETE {action}"));
        if !key.delete_columns.is_empty() && delete_columns {
            clause.push_str(&format!(" ({})", list(&key.delete_columns)));
        }
    }
    clause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::sample::{column, constraint, drafts, id, on_table, sql, table, table_object};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A constraint `c` on table `t`, beside table `r`.
    fn on_t(body: Constraint) -> [Object; 3] {
        let t = table_object(1, "t", table(vec![column("a", "integer")]));
        let r = table_object(2, "r", table(vec![column("x", "integer")]));
        [on_table(Class::Constraint, 10, "c", Body::Constraint(body)), t, r]
    }

    fn key() -> Key {
        Key {
            index: id(Class::Relation, 20),
            primary: true,
            columns: names(&["a", "B"]),
            include: Vec::new(),
            nulls_not_distinct: false,
            without_overlaps: false,
            options: Vec::new(),
        }
    }

    fn foreign() -> ForeignKey {
        ForeignKey {
            columns: names(&["a", "b"]),
            references: id(Class::Relation, 2),
            referenced: names(&["x", "y"]),
            match_full: false,
            on_update: None,
            on_delete: None,
            delete_columns: Vec::new(),
            period: false,
        }
    }

    fn check(expression: &str) -> Constraint {
        constraint(ConstraintRule::Check { expression: expression.to_owned() })
    }

    #[test]
    fn valid_checks_are_inline_and_the_others_wait() {
        let mut unchecked = check("a > 0");
        unchecked.validated = false;
        unchecked.no_inherit = true;
        assert_eq!(sql(&on_t(check("a > 0")), 0, 14, entries), Vec::<String>::new());
        let expected = "ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0) NO INHERIT NOT VALID";
        assert_eq!(sql(&on_t(unchecked.clone()), 0, 14, entries), [expected]);
        unchecked.enforced = false;
        let expected = "ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0) NO INHERIT NOT ENFORCED";
        assert_eq!(sql(&on_t(unchecked.clone()), 0, 18, entries), [expected]);
        let old = drafts(&on_t(unchecked), 0, 17, entries).remove(0);
        assert_eq!((old.create.len(), old.losses), (0, vec!["check constraint c is not enforced".to_owned()]));
    }

    #[test]
    fn keys_say_everything_they_have() {
        let mut unique = key();
        unique.primary = false;
        unique.include = names(&["d"]);
        unique.nulls_not_distinct = true;
        unique.options = vec![("fillfactor".to_owned(), "50".to_owned())];
        let mut body = constraint(ConstraintRule::Key(unique));
        (body.deferrable, body.deferred) = (true, true);
        assert_eq!(
            sql(&on_t(body.clone()), 0, 15, entries),
            ["ALTER TABLE ONLY s.t ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (a, \"B\") INCLUDE (d) \
              WITH (fillfactor='50') DEFERRABLE INITIALLY DEFERRED"]
        );
        let old = drafts(&on_t(body), 0, 14, entries).remove(0);
        assert!(old.create[0].contains("UNIQUE (a, \"B\")"));
        assert_eq!(old.losses, ["constraint c holds nulls for distinct"]);
        assert_eq!(old.name, "t c");
        assert_eq!(old.drop.as_deref(), Some("ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS c"));
    }

    #[test]
    fn a_key_without_overlaps_needs_18() {
        let body = constraint(ConstraintRule::Key(Key { without_overlaps: true, ..key() }));
        let expected = "ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (a, \"B\" WITHOUT OVERLAPS)";
        assert_eq!(sql(&on_t(body.clone()), 0, 18, entries), [expected]);
        let old = drafts(&on_t(body), 0, 17, entries).remove(0);
        assert_eq!((old.create.len(), old.losses.len()), (0, 1));
    }

    #[test]
    fn foreign_keys_say_everything_they_have() {
        let mut foreign = foreign();
        foreign.match_full = true;
        foreign.on_update = Some("CASCADE".to_owned());
        foreign.on_delete = Some("SET NULL".to_owned());
        foreign.delete_columns = names(&["b"]);
        let mut body = constraint(ConstraintRule::ForeignKey(Box::new(foreign)));
        body.validated = false;
        assert_eq!(
            sql(&on_t(body.clone()), 0, 15, entries),
            ["ALTER TABLE ONLY s.t ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES s.r(x, y) MATCH FULL \
              ON UPDATE CASCADE ON DELETE SET NULL (b) NOT VALID"]
        );
        let old = drafts(&on_t(body), 0, 14, entries).remove(0);
        assert!(old.create[0].contains("ON DELETE SET NULL NOT VALID"));
        assert_eq!(old.losses, ["foreign key c acts on all of its columns on delete"]);
        assert_eq!(old.locks.len(), 2);
    }

    #[test]
    fn temporal_foreign_keys_mark_their_last_columns() {
        let body = constraint(ConstraintRule::ForeignKey(Box::new(ForeignKey { period: true, ..foreign() })));
        let expected = "ALTER TABLE ONLY s.t ADD CONSTRAINT c FOREIGN KEY (a, PERIOD b) REFERENCES s.r(x, PERIOD y)";
        assert_eq!(sql(&on_t(body), 0, 18, entries), [expected]);
    }

    #[test]
    fn a_partitioned_tables_foreign_key_reaches_its_partitions() {
        let body = constraint(ConstraintRule::ForeignKey(Box::new(foreign())));
        let [c, mut t, r] = on_t(body);
        if let Body::Table(table) = &mut t.body {
            table.kind = TableKind::Partitioned;
        }
        assert!(sql(&[c, t, r], 0, 14, entries)[0].starts_with("ALTER TABLE s.t ADD"));
    }
}
