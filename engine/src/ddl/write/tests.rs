//! Model to exact SQL, a line for each shape: classes that are little more than one statement.

use std::collections::HashSet;

use super::*;
use crate::catalog::access_method::AccessMethod;
use crate::catalog::conversion::Conversion;
use crate::catalog::language::Language;
use crate::catalog::rule::Rule;
use crate::catalog::statistics::Statistics;
use crate::catalog::system::System;
use crate::catalog::transform::Transform;
use crate::catalog::trigger::Enabled;
use crate::ddl::sample::{object, on_table, table, table_object};
use crate::ids::ServerVersion;

/// Everything an object's statements say: what makes it, who gets it, what drops it.
fn statements(object: Object) -> Vec<String> {
    let objects = [table_object(1, "t", table(Vec::new())), object];
    let context = Context::of(&objects, Features::of(ServerVersion::from_major(18)), HashSet::new());
    let drafts = entries(&objects[1], &context).into_iter();
    drafts.flat_map(|draft| draft.create.into_iter().chain(draft.set_owner).chain(draft.drop)).collect()
}

/// A class that lives in no schema.
fn bare(class: Class, name: &str, body: Body) -> Object {
    Object { schema: None, ..object(class, 9, name, body) }
}

#[test]
fn access_methods_of_both_kinds() {
    for (kind, word) in [("t", "TABLE"), ("i", "INDEX")] {
        let body = Body::AccessMethod(AccessMethod { kind: kind.into(), handler: "s.\"h\"\"x\"".into() });
        let made = statements(Object { owner: None, ..bare(Class::AccessMethod, "a m", body) });
        let create = format!("CREATE ACCESS METHOD \"a m\" TYPE {word} HANDLER s.\"h\"\"x\"");
        assert_eq!(made, [create, "DROP ACCESS METHOD IF EXISTS \"a m\"".to_owned()]);
    }
}

#[test]
fn conversions_that_are_the_default_and_not() {
    for (default, word) in [(true, "DEFAULT "), (false, "")] {
        let (from, to, function) = ("LATIN1".into(), "UTF8".into(), "pg_catalog.iso8859_1_to_utf8".into());
        let made = statements(object(
            Class::Conversion,
            9,
            "c v",
            Body::Conversion(Conversion { from, to, function, default }),
        ));
        let create =
            format!("CREATE {word}CONVERSION s.\"c v\" FOR 'LATIN1' TO 'UTF8' FROM pg_catalog.iso8859_1_to_utf8");
        let rest = ["ALTER CONVERSION s.\"c v\" OWNER TO o", "DROP CONVERSION IF EXISTS s.\"c v\""];
        assert_eq!(made, [vec![create], rest.map(str::to_owned).to_vec()].concat());
    }
}

#[test]
fn languages_with_all_and_with_no_functions() {
    let some = |name: &str| Some(format!("s.{name}"));
    let all = Language { trusted: true, handler: some("h"), inline: some("i"), validator: some("v") };
    let none = Language { trusted: false, handler: None, inline: None, validator: None };
    let cases = [
        (all, "CREATE TRUSTED PROCEDURAL LANGUAGE \"L\" HANDLER s.h INLINE s.i VALIDATOR s.v"),
        (Language { handler: some("h"), ..none.clone() }, "CREATE PROCEDURAL LANGUAGE \"L\" HANDLER s.h"),
        (none, "CREATE PROCEDURAL LANGUAGE \"L\""),
    ];
    for (language, create) in cases {
        let made = statements(bare(Class::Language, "L", Body::Language(language)));
        assert_eq!(made[0], create);
        assert_eq!(made[1], "ALTER LANGUAGE \"L\" OWNER TO o");
    }
}

#[test]
fn transforms_in_one_direction_and_in_both() {
    for (from, to, parts) in [
        (true, true, "FROM SQL WITH FUNCTION s.f(internal), TO SQL WITH FUNCTION s.g(internal)"),
        (true, false, "FROM SQL WITH FUNCTION s.f(internal)"),
        (false, true, "TO SQL WITH FUNCTION s.g(internal)"),
    ] {
        let transform = Transform {
            sql_type: "s.\"T\"".into(),
            language: "L x".into(),
            from_sql: from.then(|| "s.f(internal)".into()),
            to_sql: to.then(|| "s.g(internal)".into()),
        };
        let body = Body::Transform(transform);
        let made = statements(Object { owner: None, ..bare(Class::Transform, "x", body) });
        assert_eq!(made[0], format!("CREATE TRANSFORM FOR s.\"T\" LANGUAGE \"L x\" ({parts})"));
    }
}

#[test]
fn rules_in_every_state() {
    let definition = "CREATE RULE \"r u\" AS\n    ON DELETE TO s.t DO INSTEAD NOTHING";
    for (enabled, words) in [
        (Enabled::Origin, None),
        (Enabled::Disabled, Some("DISABLE")),
        (Enabled::Replica, Some("ENABLE REPLICA")),
        (Enabled::Always, Some("ENABLE ALWAYS")),
    ] {
        let body = Body::Rule(Rule { definition: definition.into(), enabled });
        let made = statements(on_table(Class::Rule, 9, "r u", body));
        let state = words.map(|words| format!("ALTER TABLE s.t {words} RULE \"r u\""));
        let drop = "DROP RULE IF EXISTS \"r u\" ON s.t".to_owned();
        assert_eq!(made, [definition.to_owned()].into_iter().chain(state).chain([drop]).collect::<Vec<_>>());
    }
}

#[test]
fn statistics_with_and_without_a_target() {
    let definition = "CREATE STATISTICS s.\"s t\" (mcv) ON a, b FROM s.t";
    for target in [None, Some(0), Some(10_000)] {
        let body = Body::Statistics(Statistics { definition: definition.into(), target });
        let made = statements(Object { owner: Some("o".into()), ..on_table(Class::Statistics, 9, "s t", body) });
        let target = target.map(|target| format!("ALTER STATISTICS s.\"s t\" SET STATISTICS {target}"));
        let rest = ["ALTER STATISTICS s.\"s t\" OWNER TO o", "DROP STATISTICS IF EXISTS s.\"s t\""].map(str::to_owned);
        assert_eq!(made, [definition.to_owned()].into_iter().chain(target).chain(rest).collect::<Vec<_>>());
    }
}

#[test]
fn of_system_objects_only_the_owner_is_written_and_only_if_it_was_changed() {
    for (word, spoken) in
        [("FUNCTION", "ROUTINE"), ("PROCEDURE", "ROUTINE"), ("LANGUAGE", "LANGUAGE"), ("TYPE", "TYPE")]
    {
        for owner_changed in [true, false] {
            let system = System { word: word.into(), identity: "pg_catalog.x".into(), owner_changed };
            let made = statements(Object { builtin: true, ..object(Class::Function, 9, "x", Body::System(system)) });
            let expected = owner_changed.then(|| format!("ALTER {spoken} pg_catalog.x OWNER TO o"));
            assert_eq!(made, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
