//! Relations read from one major and written for another: what the older one lacks is rewritten or named as lost.

use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::{BOTH, read, samples, script, write};

/// Takes a sample from one major to another and returns the losses and, by way of `question`, what the target has.
async fn across(majors: (u32, u32), sample: &str, question: &str) -> (Vec<String>, Vec<String>) {
    let (from, to) = (Cluster::shared(majors.0), Cluster::shared(majors.1));
    let (source, target) = (from.database("relations_from"), to.database("relations_to"));
    source.execute(samples::BEFORE);
    target.execute(samples::BEFORE);
    source.execute(sample);
    let (_, objects) = read(&source).await;
    let (features, _) = read(&target).await;
    let drafts = write(&objects, features);
    target.execute(&script(&drafts));
    let losses = drafts.into_iter().flat_map(|draft| draft.losses).collect();
    let rows = target.rows(question).into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" "));
    (losses, rows.collect())
}

/// What both majors have goes either way without loss; the restored text of the newer `pg_dump` is read twice.
#[tokio::test]
async fn what_both_have_goes_both_ways_without_loss() {
    let all = [
        samples::COLUMNS,
        samples::KEYS,
        samples::FOREIGN_KEYS,
        samples::INDEXES,
        samples::PARTITIONS,
        samples::TRIGGERS,
        samples::RULES,
        samples::POLICIES,
        samples::STATISTICS,
        samples::PUBLICATIONS,
        samples::SEQUENCES,
    ];
    let [old, new] = BOTH;
    for sample in all {
        for majors in [(old, new), (new, old)] {
            let (losses, _) = across(majors, sample, "SELECT 1").await;
            assert_eq!(losses, Vec::<String>::new(), "{majors:?}: {sample}");
        }
    }
}

#[tokio::test]
async fn not_null_constraints_of_18_become_what_14_can_say() {
    let sample = r#"
        CREATE TABLE s.nn (a int CONSTRAINT "named it" NOT NULL, b int NOT NULL NO INHERIT, c int NOT NULL);
        CREATE TABLE s.child (d int) INHERITS (s.nn);
        CREATE TABLE s.nv (a int); INSERT INTO s.nv VALUES (NULL); ALTER TABLE s.nv ADD CONSTRAINT nv NOT NULL a NOT VALID;"#;
    let question = "SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                     WHERE relnamespace = 's'::regnamespace AND relkind = 'r' AND attnotnull AND attnum > 0
                    UNION ALL
                    SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid > 0
                     AND connamespace = 's'::regnamespace ORDER BY 1, 2";
    let (losses, rows) = across((18, 14), sample, question).await;
    assert_eq!(
        losses,
        [
            "name named it of the not-null constraint on column a",
            "not-null constraint nn_b_not_null becomes a check",
            "not-null constraint nv becomes a check",
        ]
    );
    assert_eq!(
        rows,
        [
            "s.nn CHECK ((b IS NOT NULL)) NO INHERIT",
            "s.nn a",
            "s.nn c",
            "s.child a",
            "s.child c",
            "s.nv CHECK ((a IS NOT NULL)) NOT VALID",
        ]
    );
}

/// A name that a child gave to what it inherits besides has no place on older servers.
#[tokio::test]
async fn the_name_of_a_childs_own_not_null_is_lost_by_name() {
    let sample = r#"
        CREATE TABLE s.above (a int CONSTRAINT above_a NOT NULL, b int NOT NULL);
        CREATE TABLE s.below (CONSTRAINT "of its own" NOT NULL a, CONSTRAINT below_b_not_null NOT NULL b, c int) INHERITS (s.above);
        CREATE TABLE s.heir (d int) INHERITS (s.above);"#;
    let question = "SELECT attrelid::regclass, attname, attnotnull FROM pg_attribute
                     WHERE attrelid = 's.below'::regclass AND attnum > 0 ORDER BY attnum";
    let (losses, rows) = across((18, 15), sample, question).await;
    let expected = [
        "name above_a of the not-null constraint on column a",
        "name of its own of the not-null constraint on column a",
        "name below_b_not_null of the not-null constraint on column b",
    ];
    assert_eq!(losses, expected);
    assert_eq!(rows, ["s.below a t", "s.below b t", "s.below c f"]);
}

#[tokio::test]
async fn what_14_lacks_is_named() {
    let (mut losses, rows) = across((18, 14), samples::SINCE_18, "SELECT count(*) FROM pg_publication").await;
    losses.sort();
    assert_eq!(rows, ["1"]);
    for expected in [
        "check constraint ne is not enforced",
        "column b is generated on write instead of on read",
        "column c is generated on write instead of on read",
        "constraint temporal without overlaps",
        "foreign key fk_a_fkey",
        "foreign key tf_id_v_fkey",
        "publication gen leaves generated columns out",
    ] {
        assert!(losses.iter().any(|loss| loss == expected), "{expected}: {losses:#?}");
    }
    let (mut losses, _) = across((15, 14), samples::SINCE_15, "SELECT 1").await;
    losses.sort();
    assert_eq!(
        losses,
        [
            "constraint nd_a_key holds nulls for distinct",
            "foreign key cols_t_u_fkey acts on all of its columns on delete",
            "index nd_i holds nulls for distinct",
            "table c a in publication c, which takes only a part",
            "table c cols in publication c, which takes only a part",
            "table f a in publication f, which takes only a part",
            "tables in schema f we\"ird sch.ema",
            "view inv reads with its owner's privileges (security_invoker)",
        ]
    );
}

#[tokio::test]
async fn what_a_major_does_not_accept_does_not_cost_the_table() {
    let scales = "CREATE TABLE s.n (a numeric(3,-2), b numeric(3,5)[], c numeric(5,5))";
    let question = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = 's.n'::regclass AND attnum > 0 ORDER BY attnum";
    let (losses, rows) = across((15, 14), scales, question).await;
    assert_eq!(rows, ["numeric", "numeric[]", "numeric(5,5)"]);
    assert_eq!(losses.len(), 2);
    let (losses, rows) = across((15, 18), samples::UNTIL_15, "SELECT count(*) FROM pg_inherits").await;
    assert_eq!(rows, ["0"]);
    assert_eq!(losses, ["inheritance from plain: column b is generated in one of them only"]);
}

/// A partition's own identity, which 17 does not allow, and a shared one, which 16 does not know.
#[tokio::test]
async fn identities_of_partitions_are_kept_or_named() {
    let own = "CREATE TABLE s.p (id int, k int) PARTITION BY LIST (k);
               CREATE TABLE s.p_1 (id int GENERATED ALWAYS AS IDENTITY, k int);
               ALTER TABLE s.p ALTER id SET NOT NULL; ALTER TABLE s.p ATTACH PARTITION s.p_1 FOR VALUES IN (1);";
    let (losses, _) = across((14, 18), own, "SELECT 1").await;
    assert_eq!(losses, ["identity of column id of partition p_1 apart from its parent"]);
    let shared = "CREATE TABLE s.p (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY LIST (k);
                  CREATE TABLE s.p_1 PARTITION OF s.p FOR VALUES IN (1);";
    let (losses, _) = across((18, 14), shared, "SELECT 1").await;
    assert_eq!(losses, ["identity of column id when rows go to the partition directly"]);
}

/// The oldest and the newest server tell the same story: 14 to 18 and back to 14 is what it was.
#[tokio::test]
async fn there_and_back_is_the_same() {
    let (old, new) = (Cluster::shared(14), Cluster::shared(18));
    let (source, middle, back) = (old.database("there"), new.database("middle"), old.database("back"));
    for database in [&source, &middle, &back] {
        database.execute(samples::BEFORE);
    }
    source.execute(samples::COLUMNS);
    source.execute(samples::KEYS);
    source.execute(samples::TRIGGERS);
    let (before, objects) = read(&source).await;
    let (after, _) = read(&middle).await;
    middle.execute(&script(&write(&objects, after)));
    let (_, objects) = read(&middle).await;
    back.execute(&script(&write(&objects, before)));
    compare::assert_equal(&source.url(), &back.url(), Scope::Schema);
}
