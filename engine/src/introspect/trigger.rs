//! Triggers: `pg_trigger`, without those that constraints make for themselves.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::{Client, Features, IntrospectError};
use crate::catalog::trigger::{Enabled, Trigger};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads all triggers that users made, and of the copies in partitions those that differ from their original.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    // A foreign key's triggers in partitions are clones as well; `tgisinternal` tells clones apart only from 15 on.
    let sql = format!(
        "SELECT t.oid, n.nspname, t.tgname AS name, t.tgrelid, t.tgparentid, t.tgenabled::text AS enabled,
                pg_get_triggerdef(t.oid) AS definition,
                EXISTS (SELECT FROM pg_description d
                         WHERE d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid) AS described
           FROM pg_trigger t
           JOIN pg_class c ON c.oid = t.tgrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_constraint con ON con.oid = t.tgconstraint
          WHERE {USER_RELATION} AND (t.tgparentid <> 0 OR NOT t.tgisinternal)
            AND coalesce(con.contype, 't') = 't'
          ORDER BY n.nspname, c.relname, t.tgname"
    );
    let mut seen = Vec::new();
    for row in client.query(&sql, &[]).await? {
        seen.push(Seen {
            oid: row.try_get("oid")?,
            parent: row.try_get("tgparentid")?,
            described: row.try_get("described")?,
            object: trigger(&row)?,
        });
    }
    Ok(originals_and_differing_copies(seen))
}

/// A trigger as read, before its copies are sorted out.
struct Seen {
    oid: u32,
    parent: u32,
    described: bool,
    object: Object,
}

fn trigger(row: &Row) -> Result<Object, IntrospectError> {
    let body = Trigger {
        definition: row.try_get("definition")?,
        enabled: enabled(row.try_get("enabled")?),
        cloned_from: None,
    };
    object(Class::Trigger, row, Some(relation(row.try_get("tgrelid")?)), Body::Trigger(body))
}

/// Setting the state of a trigger sets that of its copies below as well, so a copy needs mention only where it differs
/// from the trigger right above it. It then names the nearest one above that has a mention itself.
fn originals_and_differing_copies(seen: Vec<Seen>) -> Vec<Object> {
    let state = |object: &Object| match &object.body {
        Body::Trigger(trigger) => Some(trigger.enabled),
        _ => None,
    };
    let above: HashMap<u32, (u32, Option<Enabled>)> =
        seen.iter().map(|one| (one.oid, (one.parent, state(&one.object)))).collect();
    let differs = |one: &Seen| {
        let original = above.get(&one.parent);
        one.described || original.is_none_or(|(_, enabled)| *enabled != state(&one.object))
    };
    let mentioned: HashSet<u32> = seen.iter().filter(|one| differs(one)).map(|one| one.oid).collect();
    let nearest = |mut oid: u32| {
        while let Some((parent, _)) = above.get(&oid) {
            if mentioned.contains(&oid) {
                return Some(ObjectId { class: Class::Trigger, oid: Oid(oid) });
            }
            oid = *parent;
        }
        None
    };
    let keep = |mut one: Seen| {
        if let Body::Trigger(trigger) = &mut one.object.body {
            trigger.cloned_from = nearest(one.parent);
        }
        mentioned.contains(&one.oid).then_some(one.object)
    };
    seen.into_iter().filter_map(keep).collect()
}

/// `tgenabled` and `ev_enabled`.
pub(super) fn enabled(code: &str) -> Enabled {
    match code {
        "D" => Enabled::Disabled,
        "R" => Enabled::Replica,
        "A" => Enabled::Always,
        _ => Enabled::Origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(oid: u32, parent: u32, state: Enabled) -> Seen {
        let body = Trigger { definition: String::new(), enabled: state, cloned_from: None };
        let id = ObjectId { class: Class::Trigger, oid: Oid(oid) };
        let object = Object::new(id, "t", Body::Trigger(body));
        Seen { oid, parent, described: false, object }
    }

    #[test]
    fn a_copy_is_kept_where_its_state_differs_from_the_trigger_above() {
        use Enabled::{Disabled, Origin};
        let tree = vec![
            seen(1, 0, Origin),
            seen(2, 1, Origin),
            seen(3, 2, Disabled),
            seen(4, 3, Disabled),
            seen(5, 4, Origin),
        ];
        let kept = originals_and_differing_copies(tree);
        let from = |object: &Object| match &object.body {
            Body::Trigger(trigger) => trigger.cloned_from.map(|id| id.oid.0),
            _ => None,
        };
        let kept: Vec<_> = kept.iter().map(|object| (object.id.oid.0, from(object))).collect();
        assert_eq!(kept, [(1, None), (3, Some(1)), (5, Some(3))]);
    }
}
