//! What damaged catalogs lose, by name: what the server could not speak of, and what refers to something that is gone.

use std::collections::HashSet;

use super::client::{Client, Damage, contradiction};
use super::depend::Dangling;
use crate::catalog::typ::Type;
use crate::catalog::{Body, Class, Object, ObjectId, Unsupported};
use crate::sql::qualified;

/// What the census says of something that the server stumbled over.
pub(super) fn reason(oid: u32, damage: &[Damage]) -> Option<String> {
    let oid = oid.to_string();
    damage.iter().find_map(|damage| match damage {
        Damage::Row { key, reason, .. } if *key == oid => Some(reason.clone()),
        _ => None,
    })
}

/// Takes out of the model what belongs to objects that were left out.
pub(super) fn leave_out_parts(objects: &mut Vec<Object>, client: &Client<'_>) {
    let keys = client.damage().into_iter().filter_map(|damage| match damage {
        Damage::Row { key, .. } => Some(key),
        Damage::Column { .. } => None,
    });
    let mut gone: HashSet<String> = keys.collect();
    while !gone.is_empty() {
        let known: HashSet<ObjectId> = objects.iter().map(|object| object.id).collect();
        let is_orphan = |object: &Object| {
            object.parent.is_some_and(|parent| !known.contains(&parent) && gone.contains(&parent.oid.0.to_string()))
        };
        let orphans: Vec<String> =
            objects.iter().filter(|object| is_orphan(object)).map(|object| object.id.oid.0.to_string()).collect();
        objects.retain(|object| !is_orphan(object));
        for key in &orphans {
            client.leave_out(Damage::Row {
                key: key.clone(),
                reason: "it is a part of what could not be read".to_owned(),
                no_text: false,
            });
        }
        gone = orphans.into_iter().collect();
    }
}

/// Takes out of the model the arrays of types that are gone: without their element they look like types of their own.
pub(super) fn leave_out_arrays(objects: &mut Vec<Object>, dangling: &[Dangling]) {
    let is_array = |object: &Object| {
        matches!(object.body, Body::Type(Type::Base(_)))
            && dangling.iter().any(|found| found.dependent == object.id && found.catalog == Class::Type.catalog())
    };
    objects.retain(|object| dangling.is_empty() || !is_array(object));
}

/// Names what the census has no row for: columns whose type is gone, questions about something else that had no answer, and
/// objects of the model that need what is gone. `counted` are the OIDs that the census named.
pub(super) fn tell(
    unsupported: &mut Vec<Unsupported>,
    objects: &[Object],
    (dangling, damage): (&[Dangling], &[Damage]),
    counted: &HashSet<u32>,
) {
    let find = |id: ObjectId| objects.iter().find(|object| object.id == id);
    let name = |object: &Object| qualified(object.schema.as_deref(), &object.name);
    let mut columns = HashSet::new();
    for damage in damage {
        match damage {
            Damage::Column { relation, name: column } => {
                let id = ObjectId { class: Class::Relation, oid: crate::ids::Oid(*relation) };
                columns.insert(id);
                let Some(table) = find(id) else { continue };
                unsupported.push(Unsupported {
                    class: "column".to_owned(),
                    name: format!("{}.{}", name(table), crate::sql::quote_ident(column)),
                    reason: Some(contradiction("its type is gone")),
                });
            }
            Damage::Row { key, .. } if key.parse().is_ok_and(|oid| counted.contains(&oid)) => {}
            Damage::Row { key, reason, .. } => unsupported.push(Unsupported {
                class: "row of the catalogs".to_owned(),
                name: key.clone(),
                reason: Some(reason.clone()),
            }),
        }
    }
    for found in dangling.iter().filter(|found| !(found.column > 0 && columns.contains(&found.dependent))) {
        let Some(object) = find(found.dependent) else { continue };
        unsupported.push(Unsupported {
            class: format!("{:?}", object.id.class).to_lowercase(),
            name: name(object),
            reason: Some(contradiction(&format!("it needs row {} of {}, which is gone", found.oid, found.catalog))),
        });
    }
    unsupported.sort();
    unsupported.dedup();
}
