//! Indexes: `CREATE INDEX` after the data, `ALTER INDEX … ATTACH PARTITION`, and what is set on them.
//!
//! An index that belongs to a constraint is made by the constraint's entry; what is particular to it comes from here.

use super::constraint::is_written;
use super::draft::{Context, Draft, Stage};
use super::relation::{name, name_of, parent};
use super::{LockKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::index::Index;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// `desc` of what a failed `CREATE INDEX CONCURRENTLY` left on the source. The entry's first statement is that command; it
/// must fail again, see [`crate::target::invalid_index`].
pub const INVALID_INDEX: &str = "INVALID INDEX";

const NULLS_NOT_DISTINCT: &str = " NULLS NOT DISTINCT";

/// Entries of an index: itself unless a constraint makes it, and its attachment to a partitioned index.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Index(index), Some(table)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    if object.extension.is_some() || table.extension.is_some() {
        return Vec::new();
    }
    let mut entries = Vec::new();
    if index.constraint.is_none() {
        entries.push(create(object, index, table, cx));
    }
    entries.extend(attach(object, index, table, cx));
    entries
}

fn create(object: &Object, index: &Index, table: &Object, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, if index.valid { "INDEX" } else { INVALID_INDEX }, Section::PostData);
    draft.owner.clone_from(&table.owner);
    draft.relation = Some(table.id);
    draft.after.push(table.id);
    draft.tablespace.clone_from(&index.tablespace);
    let mut definition = index.definition.clone();
    if !cx.has(Feature::NullsNotDistinct)
        && let Some(at) = definition.find(&format!("){NULLS_NOT_DISTINCT}"))
    {
        definition.replace_range(at + 1..=at + NULLS_NOT_DISTINCT.len(), "");
        draft.losses.push(format!("index {} holds nulls for distinct", object.name));
    }
    if !index.valid {
        definition = definition.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1);
    }
    draft.create.push(definition);
    let marks = marks(object, index, table);
    let lock = if marks.is_empty() { LockKind::Share } else { LockKind::Exclusive };
    draft.locks = vec![(table.id, lock)];
    draft.create.extend(marks);
    // What is attached goes with what it is attached to, or with its table: alone the server does not let it go.
    draft.drop = index.attached_to.is_none().then(|| format!("DROP INDEX IF EXISTS {}", name(object)));
    draft
}

/// What is said of an index once it exists.
pub(super) fn marks(object: &Object, index: &Index, table: &Object) -> Vec<String> {
    let mut statements = Vec::new();
    for (column, target) in &index.statistics {
        statements.push(format!("ALTER INDEX {} ALTER COLUMN {column} SET STATISTICS {target}", name(object)));
    }
    if index.clustered {
        statements.push(format!("ALTER TABLE {} CLUSTER ON {}", name(table), quote_ident(&object.name)));
    }
    if index.replica_identity {
        let using = quote_ident(&object.name);
        statements.push(format!("ALTER TABLE ONLY {} REPLICA IDENTITY USING INDEX {using}", name(table)));
    }
    statements
}

fn attach(object: &Object, index: &Index, table: &Object, cx: &Context<'_>) -> Option<Draft> {
    let above = index.attached_to?;
    let above_object = cx.object(above)?;
    if index.constraint.is_some_and(|constraint| !is_written(constraint, cx)) {
        return None;
    }
    let mut draft = Draft::new(object, "INDEX ATTACH", Section::PostData);
    draft.stage = Stage::Attach;
    draft.owner.clone_from(&table.owner);
    draft.relation = Some(table.id);
    draft.create.push(format!("ALTER INDEX {} ATTACH PARTITION {}", name_of(above, cx)?, name(object)));
    draft.after.push(above);
    draft.after.extend(index.constraint);
    draft.locks = vec![(table.id, LockKind::Exclusive)];
    draft.locks.extend(above_object.parent.map(|table| (table, LockKind::Exclusive)));
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::constraint::ConstraintRule;
    use crate::catalog::{Class, ObjectId};
    use crate::ddl::sample::{constraint, drafts, id, on_table, sql, table, table_object};

    fn index(definition: &str) -> Index {
        Index {
            definition: definition.to_owned(),
            constraint: None,
            clustered: false,
            replica_identity: false,
            valid: true,
            partitioned: false,
            attached_to: None,
            tablespace: None,
            statistics: Vec::new(),
        }
    }

    fn on_t(index: Index) -> [Object; 2] {
        let index = on_table(Class::Relation, 10, "i", Body::Index(index));
        [index, table_object(1, "t", table(Vec::new()))]
    }

    #[test]
    fn marks_follow_and_make_the_lock_strong() {
        let plain = drafts(&on_t(index("CREATE INDEX i ON s.t USING btree (a)")), 0, 14, entries).remove(0);
        assert_eq!(plain.create, ["CREATE INDEX i ON s.t USING btree (a)"]);
        assert_eq!(plain.locks, [(id(Class::Relation, 1), LockKind::Share)]);
        let mut marked = index("CREATE INDEX i ON s.t USING btree ((a + 1))");
        (marked.clustered, marked.replica_identity, marked.statistics) = (true, true, vec![(1, 77)]);
        let marked = drafts(&on_t(marked), 0, 14, entries).remove(0);
        assert_eq!(
            marked.create[1..],
            [
                "ALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 77",
                "ALTER TABLE s.t CLUSTER ON i",
                "ALTER TABLE ONLY s.t REPLICA IDENTITY USING INDEX i",
            ]
        );
        assert_eq!(marked.locks, [(id(Class::Relation, 1), LockKind::Exclusive)]);
    }

    #[test]
    fn an_invalid_index_is_an_entry_of_its_own_kind() {
        let invalid = Index { valid: false, ..index("CREATE UNIQUE INDEX i ON s.t USING btree (a)") };
        let entry = drafts(&on_t(invalid), 0, 14, entries).remove(0);
        assert_eq!((entry.desc, entry.losses.len()), (INVALID_INDEX, 0));
        assert_eq!(entry.create, ["CREATE UNIQUE INDEX CONCURRENTLY i ON s.t USING btree (a)"]);
    }

    #[test]
    fn nulls_not_distinct_is_taken_out_before_15() {
        let definition = "CREATE UNIQUE INDEX i ON s.t USING btree (b) INCLUDE (a) NULLS NOT DISTINCT WHERE (b > 0)";
        assert_eq!(sql(&on_t(index(definition)), 0, 15, entries), [definition]);
        let old = drafts(&on_t(index(definition)), 0, 14, entries).remove(0);
        assert_eq!(old.create, ["CREATE UNIQUE INDEX i ON s.t USING btree (b) INCLUDE (a) WHERE (b > 0)"]);
        assert_eq!(old.losses.len(), 1);
    }

    #[test]
    fn a_constraints_index_is_only_attached() {
        let key = ObjectId { class: Class::Constraint, ..id(Class::Relation, 30) };
        let own = Index { constraint: Some(key), attached_to: Some(id(Class::Relation, 20)), ..index("-") };
        let [own, t] = on_t(own);
        let above = on_table(Class::Relation, 20, "above", Body::Index(index("-")));
        let definition = "EXCLUDE USING gist (a WITH &&)".to_owned();
        let rule = ConstraintRule::Exclusion { index: id(Class::Relation, 10), definition };
        let constraint = Object { id: key, ..on_table(Class::Constraint, 30, "k", Body::Constraint(constraint(rule))) };
        let entries = drafts(&[own, t, above, constraint], 0, 14, entries);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].create, ["ALTER INDEX s.above ATTACH PARTITION s.i"]);
        assert_eq!(entries[0].after, [id(Class::Relation, 20), key]);
    }
}
