//! Functions, procedures and aggregates.

use super::Section;
use super::draft::{Context, Draft, Stage};
use super::identity::{create, routine_word};
use super::relation::{if_exists, name};
use super::setting;
use crate::catalog::function::{Aggregate, AggregateState, Function, RoutineKind, Source};
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// The entry of a routine.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Function(function), false) = (&object.body, object.is_given()) else { return Vec::new() };
    let mut draft = create(object, routine_word(function.kind), Section::PreData, cx);
    if let Some(body) = &function.aggregate {
        draft.create.push(aggregate(object, function, body));
        return vec![draft];
    }
    if !cx.is_separate(object.id) {
        draft.create.push(routine(object, function, "CREATE"));
        return vec![draft];
    }
    // A parsed body, or a parameter's default, needs what needs the function: until then one without stands in.
    let mut stub = Draft::new(object, draft.desc, Section::PreData);
    stub.stage = Stage::Placeholder;
    stub.name.clone_from(&draft.name);
    let empty = bodiless(function);
    draft.create.push(routine(object, function, "CREATE OR REPLACE"));
    if defaults_call(function) {
        let bare = Function { arguments: function.identity_arguments.clone(), ..empty };
        stub.create.push(routine(object, &bare, "CREATE"));
        // Defaults cannot be taken away; they go with the function, and so does what they were part of a circle with.
        draft.drop = draft.drop.map(|drop| format!("{drop} CASCADE"));
    } else {
        stub.create.push(routine(object, &empty, "CREATE"));
        // To be dropped it must forget its body again, so that nothing is left of the circle.
        let types = format!("{}({})", name(object), function.signature);
        let exists = format!("pg_catalog.to_regprocedure({}) IS NOT NULL", quote_literal(&types));
        stub.drop = draft.drop.replace(if_exists(&exists, &routine(object, &empty, "CREATE OR REPLACE")));
    }
    vec![stub, draft]
}

/// Whether a parameter's default calls a function that users made. With an empty search path their names are qualified, and
/// those of the system are not.
pub(super) fn defaults_call(function: &Function) -> bool {
    let arguments = &function.arguments;
    let is_qualified_call = |(at, _): (usize, &str)| {
        let before = &arguments[..at];
        match before.strip_suffix('"') {
            // A quoted name may hold anything: any dot will do.
            Some(quoted) => quoted.contains('.'),
            None => before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '$').ends_with('.'),
        }
    };
    *arguments != function.identity_arguments && arguments.match_indices('(').any(is_qualified_call)
}

/// The function with an empty body in place of a parsed one.
fn bodiless(function: &Function) -> Function {
    let source = match &function.source {
        Source::Parsed { .. } => Source::Text { text: String::new() },
        other => other.clone(),
    };
    Function { source, ..function.clone() }
}

fn routine(object: &Object, function: &Function, create: &str) -> String {
    let word = routine_word(function.kind);
    let mut sql = format!("{create} {word} {}({})", name(object), function.arguments);
    if let Some(result) = &function.result {
        sql.push_str(&format!(" RETURNS {result}"));
    }
    sql.push_str(&format!("\n    LANGUAGE {}", quote_ident(&function.language)));
    if !function.transforms.is_empty() {
        let types = function.transforms.iter().map(|t| format!("FOR TYPE {t}")).collect::<Vec<_>>();
        sql.push_str(&format!(" TRANSFORM {}", types.join(", ")));
    }
    for property in properties(function) {
        sql.push(' ');
        sql.push_str(&property);
    }
    for (parameter, value) in function.settings.iter().filter_map(|setting| setting.split_once('=')) {
        sql.push_str(&format!("\n    SET {}", setting::assignment(parameter, value)));
    }
    sql.push_str("\n    ");
    sql.push_str(&match &function.source {
        Source::None => String::new(),
        Source::Parsed { text } => text.clone(),
        Source::Text { text } => format!("AS {}", dollar_quoted(text)),
        Source::Library { library, symbol } => format!("AS {}, {}", quote_literal(library), quote_literal(symbol)),
    });
    sql
}

/// What is not as `CREATE FUNCTION` assumes it.
fn properties(function: &Function) -> Vec<String> {
    let mut words: Vec<&str> = Vec::new();
    words.extend((function.kind == RoutineKind::Window).then_some("WINDOW"));
    words.extend(match function.volatility.as_str() {
        "i" => Some("IMMUTABLE"),
        "s" => Some("STABLE"),
        _ => None,
    });
    words.extend(function.strict.then_some("STRICT"));
    words.extend(function.security_definer.then_some("SECURITY DEFINER"));
    words.extend(function.leakproof.then_some("LEAKPROOF"));
    words.extend(parallel(function));
    let mut properties: Vec<String> = words.into_iter().map(str::to_owned).collect();
    // Internal and C functions are assumed to cost 1, all others 100; sets to have 1000 rows.
    let assumed = if matches!(function.language.as_str(), "internal" | "c") { "1" } else { "100" };
    if !["", "0", assumed].contains(&function.cost.as_str()) {
        properties.push(format!("COST {}", function.cost));
    }
    if !["", "0", "1000"].contains(&function.rows.as_str()) {
        properties.push(format!("ROWS {}", function.rows));
    }
    properties.extend(function.support.as_ref().map(|support| format!("SUPPORT {support}")));
    properties
}

fn parallel(function: &Function) -> Option<&'static str> {
    match function.parallel.as_str() {
        "s" => Some("PARALLEL SAFE"),
        "r" => Some("PARALLEL RESTRICTED"),
        _ => None,
    }
}

/// A body between dollar quotes whose tag does not occur in it.
fn dollar_quoted(text: &str) -> String {
    let mut tag = String::from("$");
    // `$_$`, `$__$`, …: a body that ends in `$_` would close one as well.
    while text.contains(&format!("{tag}$")) || text.ends_with(&tag) {
        tag.push('_');
    }
    format!("{tag}${text}{tag}$")
}

fn aggregate(object: &Object, function: &Function, body: &Aggregate) -> String {
    let mut parts = state(&body.state, &body.kind, false);
    let mut push = |word: &str, value: Option<String>| parts.extend(value.map(|value| format!("{word} = {value}")));
    push("COMBINEFUNC", body.combine.clone());
    push("SERIALFUNC", body.serialize.clone());
    push("DESERIALFUNC", body.deserialize.clone());
    push("SORTOP", body.sort_operator.as_ref().map(|operator| format!("OPERATOR({operator})")));
    if let Some(moving) = &body.moving {
        parts.extend(state(moving, &body.kind, true));
    }
    if body.kind == "h" {
        parts.push("HYPOTHETICAL".to_owned());
    }
    parts.extend(parallel(function).map(|word| word.replacen(' ', " = ", 1)));
    let head = format!("CREATE AGGREGATE {}({})", name(object), function.arguments);
    format!("{head} (\n    {}\n)", parts.join(",\n    "))
}

/// The parameters of one mode; those of the moving mode begin with an M.
fn state(state: &AggregateState, kind: &str, moving: bool) -> Vec<String> {
    let m = if moving { "M" } else { "" };
    let mut parts = vec![format!("{m}SFUNC = {}", state.transition), format!("{m}STYPE = {}", state.state_type)];
    parts.extend(state.inverse.as_ref().map(|function| format!("MINVFUNC = {function}")));
    parts.extend((state.space != 0).then(|| format!("{m}SSPACE = {}", state.space)));
    if let Some(finish) = &state.finish {
        parts.push(format!("{m}FINALFUNC = {finish}"));
        parts.extend(state.finish_extra.then(|| format!("{m}FINALFUNC_EXTRA")));
    }
    // Normal aggregates are assumed to leave their state alone, ordered-set ones to change it.
    let assumed = if kind == "n" { "r" } else { "w" };
    if state.finish_modify != assumed && !state.finish_modify.is_empty() {
        let modify = match state.finish_modify.as_str() {
            "r" => "READ_ONLY",
            "s" => "SHAREABLE",
            _ => "READ_WRITE",
        };
        parts.push(format!("{m}FINALFUNC_MODIFY = {modify}"));
    }
    parts.extend(state.initial.as_ref().map(|text| format!("{m}INITCOND = {}", quote_literal(text))));
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::Class;
    use crate::catalog::features::Features;
    use crate::ddl::sample::{drafts, object};
    use crate::ids::ServerVersion;

    fn plain() -> Function {
        Function {
            identity_arguments: "a integer".into(),
            signature: "integer".into(),
            arguments: "a integer DEFAULT 1".into(),
            result: Some("text".into()),
            language: "sql".into(),
            source: Source::Text { text: "SELECT 'x'".into() },
            volatility: "v".into(),
            parallel: "u".into(),
            cost: "100".into(),
            rows: "0".into(),
            ..Function::default()
        }
    }

    fn draft(function: Function) -> Draft {
        drafts(&[object(Class::Function, 1, "f", Body::Function(Box::new(function)))], 0, 18, entries).remove(0)
    }

    #[test]
    fn the_usual_is_left_unsaid() {
        let draft = draft(plain());
        let expected = "CREATE FUNCTION s.f(a integer DEFAULT 1) RETURNS text\n    LANGUAGE sql\n    AS $$SELECT 'x'$$";
        assert_eq!(draft.create, [expected]);
        assert_eq!(draft.set_owner.as_deref(), Some("ALTER FUNCTION s.f(a integer) OWNER TO o"));
        assert_eq!(draft.drop.as_deref(), Some("DROP FUNCTION IF EXISTS s.f(a integer)"));
        assert_eq!(draft.name, "f(integer)");
    }

    #[test]
    fn every_property_is_said() {
        let function = Function {
            volatility: "i".into(),
            parallel: "r".into(),
            strict: true,
            security_definer: true,
            leakproof: true,
            cost: "123.5".into(),
            rows: "77".into(),
            support: Some("s.p".into()),
            transforms: vec!["integer".into(), "s.t".into()],
            settings: vec!["search_path=s, \"a b\"".into(), "work_mem=5MB".into()],
            kind: RoutineKind::Window,
            ..plain()
        };
        let expected = "CREATE FUNCTION s.f(a integer DEFAULT 1) RETURNS text\n    LANGUAGE sql TRANSFORM FOR TYPE \
                        integer, FOR TYPE s.t WINDOW IMMUTABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL RESTRICTED \
                        COST 123.5 ROWS 77 SUPPORT s.p\n    SET search_path TO 's', 'a b'\n    SET work_mem TO '5MB'\n    \
                        AS $$SELECT 'x'$$";
        assert_eq!(draft(function).create, [expected]);
    }

    #[test]
    fn a_call_in_a_default_is_told_from_everything_else() {
        let calls = |arguments: &str| defaults_call(&Function { arguments: arguments.into(), ..plain() });
        for arguments in [
            "a integer",
            "a integer DEFAULT 1",
            "a s.t DEFAULT now()",
            "a integer DEFAULT (1 + 2)",
            "a s.t DEFAULT NULL::s.t",
        ] {
            assert!(!calls(arguments), "{arguments}");
        }
        for arguments in [
            "a integer DEFAULT s.g(1)",
            r#"a integer DEFAULT (1 + "S x"."it""s"(2))"#,
            "a s.t DEFAULT lower(s.\"ü\"())",
        ] {
            assert!(calls(arguments), "{arguments}");
        }
    }

    #[test]
    fn bodies_of_every_kind() {
        let body = |source| {
            let create = draft(Function { source, cost: "1".into(), language: "c".into(), ..plain() }).create.remove(0);
            create.split_once("LANGUAGE c\n    ").map(|(_, body)| body.to_owned()).unwrap_or_default()
        };
        let library = Source::Library { library: "$libdir/x'".into(), symbol: "sym".into() };
        assert_eq!(body(library), "AS '$libdir/x''', 'sym'");
        assert_eq!(body(Source::Parsed { text: "RETURN 1".into() }), "RETURN 1");
    }

    #[test]
    fn dollar_quotes_never_close_early() {
        for (text, quoted) in [
            ("", "$$$$"),
            ("a", "$$a$$"),
            ("$$", "$_$$$$_$"),
            ("a$", "$_$a$$_$"),
            ("$$ $_$", "$__$$$ $_$$__$"),
            ("$$ $_", "$__$$$ $_$__$"),
        ] {
            assert_eq!(dollar_quoted(text), quoted);
        }
    }

    #[test]
    fn a_body_that_needs_its_users_has_a_stub_first() {
        let function = Function { source: Source::Parsed { text: "RETURN 1".into() }, ..plain() };
        let object = object(Class::Function, 1, "f", Body::Function(Box::new(function)));
        let features = Features::of(ServerVersion::from_major(18));
        let cx = Context::of(std::slice::from_ref(&object), features, HashSet::from([object.id]));
        let drafts = entries(&object, &cx);
        assert!(drafts[0].create[0].starts_with("CREATE FUNCTION s.f(") && drafts[0].create[0].ends_with("AS $$$$"));
        assert_eq!(drafts[0].stage, Stage::Placeholder);
        assert!(drafts[1].create[0].starts_with("CREATE OR REPLACE FUNCTION s.f("));
        assert_eq!(drafts[0].drop.as_deref(), Some("DROP FUNCTION IF EXISTS s.f(a integer)"));
        let back = drafts[1].drop.as_deref().unwrap_or_default();
        assert!(back.starts_with("DO '") && back.contains("to_regprocedure(''s.f(integer)'') IS NOT NULL"), "{back}");
    }

    #[test]
    fn aggregates_say_both_modes() {
        let mode = |transition: &str, inverse: Option<&str>| AggregateState {
            transition: transition.into(),
            inverse: inverse.map(str::to_owned),
            state_type: "numeric".into(),
            space: 8,
            finish: Some("s.fin".into()),
            finish_extra: true,
            finish_modify: "w".into(),
            initial: Some("0".into()),
        };
        let aggregate = Aggregate {
            kind: "n".into(),
            state: mode("s.t", None),
            combine: Some("s.c".into()),
            serialize: Some("s.se".into()),
            deserialize: Some("s.de".into()),
            moving: Some(mode("s.mt", Some("s.mi"))),
            sort_operator: Some("pg_catalog.>".into()),
        };
        let function = Function {
            kind: RoutineKind::Aggregate,
            arguments: "numeric".into(),
            parallel: "s".into(),
            aggregate: Some(Box::new(aggregate)),
            ..plain()
        };
        let expected = "CREATE AGGREGATE s.f(numeric) (\n    SFUNC = s.t,\n    STYPE = numeric,\n    SSPACE = 8,\n    \
                        FINALFUNC = s.fin,\n    FINALFUNC_EXTRA,\n    FINALFUNC_MODIFY = READ_WRITE,\n    \
                        INITCOND = '0',\n    COMBINEFUNC = s.c,\n    SERIALFUNC = s.se,\n    DESERIALFUNC = s.de,\n    \
                        SORTOP = OPERATOR(pg_catalog.>),\n    MSFUNC = s.mt,\n    MSTYPE = numeric,\n    \
                        MINVFUNC = s.mi,\n    MSSPACE = 8,\n    MFINALFUNC = s.fin,\n    MFINALFUNC_EXTRA,\n    \
                        MFINALFUNC_MODIFY = READ_WRITE,\n    MINITCOND = '0',\n    PARALLEL = SAFE\n)";
        assert_eq!(draft(function).create, [expected]);
    }
}
