//! Triggers and the state they are in.

use super::draft::{Context, Draft};
use super::relation::{alter, name, parent, part};
use super::{LockKind, Section};
use crate::catalog::trigger::Enabled;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// Entries of a trigger: one. A partition's copy exists already; only its state is set.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Trigger(trigger), Some(table)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    if object.extension.is_some() || table.extension.is_some() {
        return Vec::new();
    }
    let mut draft = part(Draft::new(object, "TRIGGER", Section::PostData), table);
    draft.locks = vec![(table.id, LockKind::Exclusive)];
    draft.after.push(table.id);
    let state =
        format!("{} {} {} TRIGGER {}", alter(table), name(table), words(trigger.enabled), quote_ident(&object.name));
    match trigger.cloned_from {
        Some(original) => {
            draft.after.push(original);
            draft.create.push(state);
        }
        None => {
            draft.create.push(trigger.definition.clone());
            draft.create.extend((!trigger.enabled.is_default()).then_some(state));
            draft.drop = Some(format!("DROP TRIGGER IF EXISTS {} ON {}", quote_ident(&object.name), name(table)));
        }
    }
    vec![draft]
}

/// What precedes `TRIGGER` and `RULE` to bring one into a state.
pub(super) fn words(enabled: Enabled) -> &'static str {
    match enabled {
        Enabled::Origin => "ENABLE",
        Enabled::Disabled => "DISABLE",
        Enabled::Replica => "ENABLE REPLICA",
        Enabled::Always => "ENABLE ALWAYS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::trigger::Trigger;
    use crate::catalog::{Class, ObjectId};
    use crate::ddl::sample::{drafts, id, on_table, table, table_object};

    fn draft(enabled: Enabled, cloned_from: Option<ObjectId>) -> Draft {
        let body = Trigger { definition: "CREATE TRIGGER tg".to_owned(), enabled, cloned_from };
        let trigger = on_table(Class::Trigger, 10, "tg", Body::Trigger(body));
        drafts(&[trigger, table_object(1, "t", table(Vec::new()))], 0, 14, entries).remove(0)
    }

    #[test]
    fn states_are_set_where_they_are_not_the_default() {
        assert_eq!(draft(Enabled::Origin, None).create, ["CREATE TRIGGER tg"]);
        let expected = ["CREATE TRIGGER tg", "ALTER TABLE s.t ENABLE REPLICA TRIGGER tg"];
        assert_eq!(draft(Enabled::Replica, None).create, expected);
    }

    #[test]
    fn a_copy_is_there_already() {
        let original = id(Class::Trigger, 9);
        let copy = draft(Enabled::Origin, Some(original));
        assert_eq!(copy.create, ["ALTER TABLE s.t ENABLE TRIGGER tg"]);
        assert_eq!((copy.drop, copy.after.last()), (None, Some(&original)));
    }
}
