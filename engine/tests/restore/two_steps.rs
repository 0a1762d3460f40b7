//! Keys of large tables are made in two steps, and nobody can tell afterwards.

use std::sync::Arc;

use pgfreight_engine::Kind;
use pgfreight_engine::ddl::Section;
use pgfreight_engine::event::Event;

use super::*;
use crate::faults::{Story, at};

/// Keys of every kind that has two steps, and of those that have one, on tables that are large enough for two.
const KEYS: &str = r#"
    CREATE SCHEMA "odd S";
    CREATE TABLE "odd S"."B" (id int NOT NULL, "a b" text NOT NULL, c int, d int, above int, note text);
    INSERT INTO "odd S"."B" SELECT i, 'a' || i, i, -i, 1 + i / 2, repeat('x', 60) FROM generate_series(1, 20000) i;
    ALTER TABLE "odd S"."B" ADD CONSTRAINT "the Key" PRIMARY KEY (id) INCLUDE (c) WITH (fillfactor = 70);
    ALTER TABLE "odd S"."B" ADD CONSTRAINT later UNIQUE (c, "a b") DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE "odd S"."B" ADD CONSTRAINT named UNIQUE ("a b");
    ALTER TABLE "odd S"."B" ADD CONSTRAINT apart EXCLUDE (d WITH =);
    CREATE INDEX plain ON "odd S"."B" (c);
    CREATE UNIQUE INDEX also ON "odd S"."B" (d) WHERE d < -5;
    ALTER TABLE "odd S"."B" REPLICA IDENTITY USING INDEX named;
    ALTER TABLE "odd S"."B" CLUSTER ON "the Key";
    ALTER TABLE "odd S"."B" ADD CONSTRAINT above FOREIGN KEY (above) REFERENCES "odd S"."B" DEFERRABLE;
    COMMENT ON CONSTRAINT "the Key" ON "odd S"."B" IS 'one';
    COMMENT ON INDEX "odd S".later IS 'two';
    CREATE TABLE child (CONSTRAINT child_key PRIMARY KEY (id), CONSTRAINT child_unique UNIQUE (d)) INHERITS ("odd S"."B");
    INSERT INTO child SELECT i, 'a' || i, i, -i, 1, repeat('y', 60) FROM generate_series(1, 20000) i;
    ALTER TABLE child ADD CONSTRAINT to_b FOREIGN KEY (above) REFERENCES "odd S"."B" ON DELETE SET NULL;
    ALTER TABLE child ADD CONSTRAINT twice FOREIGN KEY (c) REFERENCES "odd S"."B" ON UPDATE CASCADE;
    ALTER TABLE child ADD CONSTRAINT maybe FOREIGN KEY (d) REFERENCES "odd S"."B" NOT VALID;
    CREATE TABLE parts (at int NOT NULL, what text NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (10000);
    CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (10000) TO (MAXVALUE);
    INSERT INTO parts SELECT i, repeat('z', 100) FROM generate_series(1, 20000) i;
    ALTER TABLE parts ADD PRIMARY KEY (at);
    ALTER TABLE parts ADD FOREIGN KEY (at) REFERENCES "odd S"."B";
    ALTER TABLE parts_a ADD CONSTRAINT own FOREIGN KEY (at) REFERENCES "odd S"."B";
    CREATE UNLOGGED TABLE light (id int PRIMARY KEY, note text, UNIQUE (note, id));
    INSERT INTO light SELECT i, repeat('w', 100) FROM generate_series(1, 20000) i;
"#;

fn source(major: u32) -> Database<'static> {
    let database = Cluster::shared(major).database("source");
    database.execute(KEYS);
    database
}

/// Tasks of a class, by the name of what they made, as often as a lane worked on it.
fn stints(story: &Story, class: &str) -> Vec<String> {
    let of_class = |event: &Event| match event {
        Event::Stint { what, name, .. } if what == class => Some(name.clone()),
        _ => None,
    };
    let mut names: Vec<String> = story.events().iter().filter_map(of_class).collect();
    names.sort();
    names
}

async fn told(place: &Place, dump: &OpenedDump, target: &Database<'_>, story: &Arc<Story>) -> RestoreReport {
    let url = connect(&target.url());
    restore(&place.repository, dump, &url, &jobs(3), &story.around()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_made_in_two_steps_are_the_same_keys() {
    for (from, to) in [(14, 18), (18, 18), (17, 14)] {
        let source = source(from);
        let target = Cluster::shared(to).database("target");
        let place = Place::new().await;
        let dump = place.dump(&source.url()).await;
        let story = Story::plain();
        let report = told(&place, &dump, &target, &story).await;
        assert!(report.losses.is_empty(), "{from} {to}: {:?}", report.losses);
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_clean(&target);
        let keys = stints(&story, "CONSTRAINT");
        let times = |name: &str| keys.iter().filter(|other| other.ends_with(name)).count();
        let steps = ["B the Key", "B later", "B named", "child child_unique", "light light_pkey"];
        assert_eq!(steps.map(times), [2; 5], "{keys:?}");
        let whole = ["B apart", "parts parts_pkey", "child child_key", "parts_a parts_a_pkey"];
        assert_eq!(whole.map(times), [1; 4], "{keys:?}");
        let keys = stints(&story, "FK CONSTRAINT");
        let times = |name: &str| keys.iter().filter(|other| other.ends_with(name)).count();
        assert_eq!(["B above", "child to_b", "child twice", "parts_a own"].map(times), [2; 4], "{keys:?}");
        assert_eq!(["child maybe", "parts parts_at_fkey"].map(times), [1; 2], "{keys:?}");
        let valid =
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND conname <> 'maybe'";
        assert_eq!(target.value(valid), "0");
    }
}

/// A first step that was done is not done again: its index is the same one afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_between_the_steps_it_goes_on_with_the_second() {
    let source = source(18);
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    for (class, key) in [("CONSTRAINT", "B the Key"), ("FK CONSTRAINT", "child to_b")] {
        let target = Cluster::shared(18).database("target");
        let around = Surroundings::quiet();
        let stop = around.stop.clone();
        let first = move |event: &Event| matches!(event, Event::Stint { what, name, .. } if what == class && name.ends_with(key));
        let story = at(1, first, move || stop.cancel());
        let stopped = Surroundings { stop: around.stop, ..story.around() };
        let error = restore(&place.repository, &dump, &connect(&target.url()), &jobs(2), &stopped).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled, "{error}");
        let begun = "SELECT count(*) FROM _pgfreight.begun WHERE entry NOT IN (SELECT entry FROM _pgfreight.entry)";
        assert_ne!(target.value(begun), "0", "{class}: both steps were done");
        let made = match class {
            "CONSTRAINT" => r#"SELECT '"odd S"."the Key"'::regclass::oid"#,
            _ => "SELECT oid FROM pg_constraint WHERE conname = 'to_b'",
        };
        let before = target.value(made);
        let story = Story::plain();
        let report = told(&place, &dump, &target, &story).await;
        assert!(report.losses.is_empty(), "{:?}", report.losses);
        assert_eq!(target.value(made), before, "{class}: it was made again");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_clean(&target);
    }
}

fn section(section: Section) -> RestoreOptions {
    let mut options = RestoreOptions { no_statistics: true, ..jobs(2) };
    options.filters.sections = [section].into();
    options
}

/// What the rows do not satisfy is lost under the names and for the reasons of one step, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn what_rows_do_not_satisfy_is_lost_as_ever() {
    let source = source(18);
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    place.restore(&dump, &target.url(), &section(Section::PreData)).await.unwrap();
    place.restore(&dump, &target.url(), &section(Section::Data)).await.unwrap();
    target.execute(r#"INSERT INTO light SELECT * FROM light WHERE id = 7; UPDATE child SET above = -1 WHERE id = 9"#);
    let report = place.restore(&dump, &target.url(), &section(Section::PostData)).await.unwrap();
    let lost: Vec<String> = report.losses.iter().map(|loss| format!("{} {}", loss.class, loss.name)).collect();
    assert_eq!(
        lost,
        [
            "CONSTRAINT public.light light_note_id_key",
            "CONSTRAINT public.light light_pkey",
            "FK CONSTRAINT public.child to_b"
        ]
    );
    let reasons =
        ["duplicate keys (constraint light_note_id_key)", "duplicate keys (constraint light_pkey)", "do not exist"];
    for (loss, reason) in report.losses.iter().zip(reasons) {
        assert!(loss.reason.contains(reason) && loss.reason.contains("ADD CONSTRAINT"), "{}", loss.reason);
    }
    let left = "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'light'::regclass) \
                + (SELECT count(*) FROM pg_constraint WHERE conname IN ('to_b', 'light_pkey'))";
    assert_eq!(target.value(left), "0");
    assert_clean(&target);
}
