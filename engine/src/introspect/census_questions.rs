//! What the census asks the server: one question for all catalogs whose rows are objects, one for all whose rows stand in
//! somebody else's. Each reads a catalog once; what comes with others is asked of `pg_depend` once for all of them.

/// System catalogs of this database whose rows have OIDs: name, whether somebody put it there after `initdb`, whether we
/// may read it. Shared catalogs are the cluster's, but for subscriptions.
pub(super) const CATALOGS: &str = "SELECT c.relname AS name, c.oid >= 16384 AS strange,
        pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable
   FROM pg_catalog.pg_class c
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' AND a.attnum > 0
        AND a.atttypid = 'pg_catalog.oid'::pg_catalog.regtype AND NOT a.attisdropped
  WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r'
        AND (NOT c.relisshared OR c.relname = 'pg_subscription') ORDER BY c.relname";

/// Catalogs whose rows are no objects of the model, but stand in one: [`standing`] counts them.
pub(super) const STANDING: [&str; 6] =
    ["pg_amop", "pg_amproc", "pg_enum", "pg_largeobject_metadata", "pg_publication_namespace", "pg_publication_rel"];

/// Columns that say in which schema a row lives: there may be temporary ones.
const NAMESPACES: [(&str, &str); 13] = [
    ("pg_class", "relnamespace"),
    ("pg_collation", "collnamespace"),
    ("pg_constraint", "connamespace"),
    ("pg_conversion", "connamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_operator", "oprnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_proc", "pronamespace"),
    ("pg_statistic_ext", "stxnamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_type", "typnamespace"),
    ("pg_namespace", "oid"),
];

/// Columns that say on which relation a row hangs: it may be temporary.
const RELATIONS: [(&str, &str); 4] =
    [("pg_attrdef", "adrelid"), ("pg_policy", "polrelid"), ("pg_rewrite", "ev_class"), ("pg_trigger", "tgrelid")];

const TEMPORARY: &str = "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_'";

/// Condition on `o`: the row is temporary.
fn is_temporary(catalog: &str) -> String {
    let find =
        |list: &[(&str, &'static str)]| list.iter().find(|(name, _)| *name == catalog).map(|(_, column)| *column);
    if let Some(column) = find(&NAMESPACES) {
        return format!("o.{column} IN (SELECT t.oid FROM t)");
    }
    match find(&RELATIONS) {
        Some(column) => format!(
            "o.{column} IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT t.oid FROM t))"
        ),
        None => "false".to_owned(),
    }
}

/// Condition on `o`: the row comes with another one, though `pg_depend` does not say so.
fn is_part(catalog: &str) -> &'static str {
    match catalog {
        "pg_class" => "o.relnamespace = 'pg_toast'::pg_catalog.regnamespace",
        "pg_constraint" => "o.contype = 't'",
        "pg_trigger" => "o.tgisinternal",
        "pg_rewrite" => "o.rulename = '_RETURN'",
        "pg_namespace" => "o.nspname ~ '^pg_toast'",
        _ => "false",
    }
}

/// Condition on a comment or label `o` of an object in catalog `c`: `DROP SUBSCRIPTION` leaves its comment behind.
const LIVING: &str = "NOT (c.relname = 'pg_subscription'
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s WHERE s.oid = o.objoid))";

/// For each catalog the OIDs of rows that users made: `own` for those that stand for themselves or come with others
/// ([`DEPENDENT`] tells), `parts` for those that come with others anyway, `temporary`. Each catalog is one pass without a join:
/// what a planner makes of joins is anybody's guess where nobody analyzed the catalogs.
pub(super) fn objects<'a>(catalogs: impl Iterator<Item = &'a str>) -> String {
    let oids = |which: &str| format!("coalesce(pg_catalog.array_agg(o.oid) FILTER (WHERE {which}), '{{}}')");
    let each = catalogs.map(|catalog| {
        let (from, of) = match catalog {
            // Not everybody may read the catalog itself, but everybody the view.
            "pg_user_mapping" => ("(SELECT m.umid AS oid FROM pg_catalog.pg_user_mappings m)".to_owned(), "true"),
            "pg_subscription" => (
                "pg_catalog.pg_subscription".to_owned(),
                "o.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d
                               WHERE d.datname = pg_catalog.current_database())",
            ),
            _ => (format!("pg_catalog.{}", crate::sql::quote_ident(catalog)), "true"),
        };
        let word = crate::sql::quote_literal(catalog);
        let (part, temporary) = (is_part(catalog), is_temporary(catalog));
        format!(
            "SELECT {word}::pg_catalog.text AS catalog, {} AS own, {} AS parts, {} AS temporary
               FROM {from} o WHERE o.oid >= 16384 AND {of} HAVING pg_catalog.count(*) > 0",
            oids(&format!("NOT ({temporary}) AND NOT ({part})")),
            oids(&format!("NOT ({temporary}) AND ({part})")),
            oids(&temporary),
        )
    });
    format!("WITH t AS MATERIALIZED ({TEMPORARY}) {}", each.collect::<Vec<_>>().join(" UNION ALL "))
}

/// By catalog the OIDs of rows that come with others, as `pg_depend` says.
pub(super) const DEPENDENT: &str = "SELECT c.relname AS catalog, g.oids
   FROM (SELECT d.classid, pg_catalog.array_agg(d.objid) AS oids FROM pg_catalog.pg_depend d
          WHERE d.objid >= 16384 AND d.objsubid = 0 AND d.deptype IN ('i', 'e', 'P', 'S') GROUP BY d.classid) g
   JOIN pg_catalog.pg_class c ON c.oid = g.classid";

/// How many rows stand in which object: `rows` in all, of them `given` by an extension that has no other share in the
/// object. `known` says which catalogs there are.
pub(super) fn standing(known: impl Fn(&str) -> bool) -> String {
    let member = |catalog: &str, uses: &str, used: &str| {
        format!(
            "SELECT '{catalog}' AS catalog, CASE WHEN i.refobjid IS NULL THEN 'pg_opfamily' ELSE 'pg_opclass' END AS owner,
                    coalesce(i.refobjid, o.{family})::int8 AS oid, count(*) AS rows, count(e.objid) AS given
               FROM pg_catalog.{catalog} o
               LEFT JOIN pg_catalog.pg_depend i ON i.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass
                    AND i.objid = o.oid AND i.deptype = 'i'
                    AND i.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
               LEFT JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.{used}'::pg_catalog.regclass
                    AND e.objid = o.{uses}::pg_catalog.oid AND e.deptype = 'e'
              WHERE o.oid >= 16384 GROUP BY 2, 3",
            family = if catalog == "pg_amop" { "amopfamily" } else { "amprocfamily" },
        )
    };
    let simple = |catalog: &str, owner: &str, column: &str, of: &str| {
        format!(
            "SELECT '{catalog}' AS catalog, '{owner}' AS owner, o.{column}::int8 AS oid, count(*) AS rows, 0 AS given
               FROM pg_catalog.{catalog} o WHERE {of} GROUP BY 3"
        )
    };
    let note = |catalog: &str, made_by_users: &str| {
        format!(
            "SELECT '{catalog}' AS catalog, c.relname AS owner, o.objoid::int8 AS oid, count(*) AS rows, 0 AS given
               FROM pg_catalog.{catalog} o JOIN pg_catalog.pg_class c ON c.oid = o.classoid
              WHERE ({made_by_users}) AND {} GROUP BY 2, 3",
            LIVING
        )
    };
    let mut all = vec![
        member("pg_amop", "amopopr", "pg_operator"),
        member("pg_amproc", "amproc", "pg_proc"),
        simple("pg_enum", "pg_type", "enumtypid", "o.enumtypid >= 16384"),
        simple("pg_publication_rel", "pg_publication", "prpubid", "true"),
        simple("pg_inherits", "pg_class", "inhrelid", "o.inhrelid >= 16384"),
        "SELECT 'pg_largeobject_metadata' AS catalog, 'pg_largeobject' AS owner, 0::int8 AS oid, count(*) AS rows,
                0 AS given FROM pg_catalog.pg_largeobject_metadata HAVING count(*) > 0"
            .to_owned(),
        note("pg_description", "o.objoid >= 16384"),
        // `initdb` makes no labels; that of the schema public (2200) is carried.
        note("pg_seclabel", "o.objoid <> 2200"),
    ];
    if known("pg_publication_namespace") {
        all.push(simple("pg_publication_namespace", "pg_publication", "pnpubid", "true"));
    }
    all.join(" UNION ALL ")
}

/// What people call a row that stands in an object.
pub(super) fn word(catalog: &str) -> &str {
    match catalog {
        "pg_amop" => "operator family operator",
        "pg_amproc" => "operator family function",
        "pg_description" => "comment",
        "pg_enum" => "enum label",
        "pg_inherits" => "parent",
        "pg_largeobject_metadata" => "large object",
        "pg_publication_namespace" => "published schema",
        "pg_publication_rel" => "published table",
        "pg_seclabel" => "security label",
        other => other,
    }
}
