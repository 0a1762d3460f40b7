//! Large objects of two catalogs: which are there, whose they are, who may use them, what is said of them.
//!
//! The model groups them by what they have in common, and so does the answer: there may be millions, and somebody who
//! changed the owner of all wants to read one line.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::difference::{Change, Comparison, Difference};
use crate::catalog::{AclItem, Body, Catalog, Object};
use crate::ids::Oid;

/// Names in a list before it is cut short.
const SHOWN: usize = 4;

/// What large objects that are told together have in common: what happened, and the text on either side.
type Alike<'a> = (Change, Option<&'a str>, Option<&'a str>);

/// Compares the large objects of two catalogs. Their contents are data.
pub(super) fn compare(before: &Catalog, after: &Catalog) -> Comparison {
    let (before, after) = (described(before), described(after));
    let mut groups: BTreeMap<Alike<'_>, Vec<Oid>> = BTreeMap::new();
    let mut oids: Vec<Oid> = before.keys().chain(after.keys()).copied().collect();
    oids.sort_unstable();
    oids.dedup();
    for oid in &oids {
        let key = match (before.get(oid), after.get(oid)) {
            (Some(one), Some(other)) if one == other => continue,
            (None, None) => continue,
            (Some(one), Some(other)) => (Change::Changed, Some(one.as_str()), Some(other.as_str())),
            (Some(one), None) => (Change::Removed, Some(one.as_str()), None),
            (None, Some(other)) => (Change::Added, None, Some(other.as_str())),
        };
        groups.entry(key).or_default().push(*oid);
    }
    let difference = |((change, one, other), oids): (Alike<'_>, Vec<Oid>)| Difference {
        change,
        kind: if oids.len() == 1 { "LARGE OBJECT" } else { "LARGE OBJECTS" }.to_owned(),
        schema: None,
        name: names(&oids),
        secret: false,
        before: one.map(str::to_owned),
        after: other.map(str::to_owned),
    };
    Comparison { compared: oids.len() as u64, differences: groups.into_iter().map(difference).collect() }
}

/// What is said of each large object but its contents; the same text is shared by a batch.
fn described(catalog: &Catalog) -> BTreeMap<Oid, Rc<String>> {
    let mut texts = BTreeMap::new();
    for object in &catalog.objects {
        let Body::LargeObject(batch) = &object.body else { continue };
        let text = Rc::new(describe(object));
        texts.extend(batch.oids.iter().map(|oid| (*oid, Rc::clone(&text))));
    }
    texts
}

fn describe(object: &Object) -> String {
    let mut text = format!("owner {}\n", object.owner.as_deref().unwrap_or_default());
    for item in object.acl.iter().flat_map(|acl| &acl.current) {
        text.push_str(&grant(item));
    }
    if let Some(comment) = &object.comment {
        text.push_str(&format!("comment {comment}\n"));
    }
    for (provider, label) in &object.labels {
        text.push_str(&format!("label of {provider}: {label}\n"));
    }
    text
}

fn grant(item: &AclItem) -> String {
    let option = if item.grantable { " with grant option" } else { "" };
    let grantee = item.grantee.as_deref().unwrap_or("PUBLIC");
    format!("{} to {grantee} by {}{option}\n", item.privilege, item.grantor)
}

/// `16401, 16402`; of many the first ones and how many there are.
fn names(oids: &[Oid]) -> String {
    let shown: Vec<String> = oids.iter().take(SHOWN).map(|oid| oid.0.to_string()).collect();
    let more = if oids.len() > SHOWN { format!(", … ({} of them)", oids.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::large_object::LargeObject;
    use crate::ddl::sample::{catalog, object};

    fn batch(owner: &str, oids: std::ops::Range<u32>) -> Object {
        let body = LargeObject { oids: oids.clone().map(Oid).collect() };
        let object = object(Class::LargeObject, oids.start, "x", Body::LargeObject(body));
        Object { owner: Some(owner.to_owned()), ..object }
    }

    #[test]
    fn batches_are_compared_one_by_one_and_told_together() {
        let before = catalog(vec![batch("a", 10..20), batch("b", 30..31)]);
        let after = catalog(vec![batch("a", 10..13), batch("c", 13..19), batch("b", 30..33)]);
        let found = compare(&before, &after);
        assert_eq!(found.compared, 13);
        let told: Vec<_> = found.differences.iter().map(|d| (d.change, d.kind.as_str(), d.name.as_str())).collect();
        let expected = [
            (Change::Added, "LARGE OBJECTS", "31, 32"),
            (Change::Removed, "LARGE OBJECT", "19"),
            (Change::Changed, "LARGE OBJECTS", "13, 14, 15, 16, … (6 of them)"),
        ];
        assert_eq!(told, expected);
        assert_eq!(found.differences[2].before.as_deref(), Some("owner a\n"));
        assert_eq!(found.differences[2].after.as_deref(), Some("owner c\n"));
        assert_eq!(compare(&after, &after).differences, []);
    }

    #[test]
    fn privileges_comments_and_labels_count() {
        let item = AclItem { grantee: None, grantor: "a".into(), privilege: "SELECT".into(), grantable: true };
        let acl = crate::catalog::Acl { current: vec![item], ..Default::default() };
        let plain = batch("a", 1..2);
        let told = Object {
            acl: Some(Box::new(acl)),
            comment: Some("c".into()),
            labels: vec![("p".into(), "l".into())],
            ..plain.clone()
        };
        let found = compare(&catalog(vec![plain]), &catalog(vec![told])).differences;
        let expected = "owner a\nSELECT to PUBLIC by a with grant option\ncomment c\nlabel of p: l\n";
        assert_eq!(found[0].after.as_deref(), Some(expected));
    }
}
