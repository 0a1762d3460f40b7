//! Large objects: created empty with their owner; contents are data.

use super::Section;
use super::draft::{Context, Draft};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of a batch of large objects.
pub fn entries(object: &Object, _cx: &Context<'_>) -> Vec<Draft> {
    let Body::LargeObject(batch) = &object.body else { return Vec::new() };
    let mut draft = Draft::new(object, "BLOB METADATA", Section::Data);
    let oids = batch.oids.iter().map(|oid| oid.0.to_string()).collect::<Vec<_>>().join(",");
    let each = |call: &str| format!("SELECT {call} FROM pg_catalog.unnest('{{{oids}}}'::pg_catalog.oid[]) AS o(oid)");
    draft.create.push(each("pg_catalog.lo_create(o.oid)"));
    draft.drop = Some(format!(
        "{} WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = o.oid)",
        each("pg_catalog.lo_unlink(o.oid)")
    ));
    draft.set_owner = object.owner.as_deref().map(|owner| set_owner(owner, &oids, batch.oids.len()));
    vec![draft]
}

/// There is no statement for many at once, so a block loops over them.
fn set_owner(owner: &str, oids: &str, count: usize) -> String {
    let owner = quote_ident(owner);
    if count == 1 {
        return format!("ALTER LARGE OBJECT {oids} OWNER TO {owner}");
    }
    // The tag cannot stand in a role's name by chance: it would have to be this very one.
    let tag = if owner.contains("$pgfreight$") { "$pgfreight_owner$" } else { "$pgfreight$" };
    format!(
        "DO {tag} DECLARE o pg_catalog.oid; BEGIN FOREACH o IN ARRAY '{{{oids}}}'::pg_catalog.oid[] LOOP \
         EXECUTE 'ALTER LARGE OBJECT ' || o || {} ; END LOOP; END {tag}",
        crate::sql::quote_literal(&format!(" OWNER TO {owner}"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::large_object::LargeObject;
    use crate::ddl::sample::{drafts, object};
    use crate::ids::Oid;

    #[test]
    fn one_or_many_in_one_statement() {
        let batch = |oids: &[u32]| {
            let body = LargeObject { oids: oids.iter().copied().map(Oid).collect() };
            drafts(&[object(Class::LargeObject, oids[0], "x", Body::LargeObject(body))], 0, 18, entries).remove(0)
        };
        let one = batch(&[4_000_000_000]);
        let from = "FROM pg_catalog.unnest('{4000000000}'::pg_catalog.oid[]) AS o(oid)";
        assert_eq!(one.create, [format!("SELECT pg_catalog.lo_create(o.oid) {from}")]);
        assert_eq!(one.set_owner.as_deref(), Some("ALTER LARGE OBJECT 4000000000 OWNER TO o"));
        let many = batch(&[1, 2]).set_owner.unwrap_or_default();
        assert!(many.starts_with("DO $pgfreight$ ") && many.contains("'{1,2}'"), "{many}");
        assert!(many.contains("' OWNER TO o'"), "{many}");
    }
}
