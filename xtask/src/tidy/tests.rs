//! The tidier's own tests, and the workspace's test of tidiness.

use super::source::{Source, mask};
use super::{Workspace, check};

const MAP: &str = "//! | floor | rooms |\n//! |---|---|\n//! | 0 | [`ids`] |\n//! | 1 | [`sql`] [`catalog`] |\n\
                   //! | 2 | [`plan`] |\npub mod ids;\npub mod sql;\npub mod catalog;\npub mod plan;\n";

fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let mut workspace = Workspace::default();
    workspace.add("engine/src/lib.rs", MAP.to_owned());
    for (path, text) in files {
        workspace.add(path, (*text).to_owned());
    }
    check(&workspace).iter().map(ToString::to_string).collect()
}

#[test]
fn the_workspace_is_tidy() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let findings = check(&Workspace::read(root));
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} findings:\n{}", list.len(), list.join("\n"));
}

#[test]
fn masking_keeps_lines_and_hides_comments_and_literals() {
    let text =
        "a // b\n/* c /* d */\n e */ f(\"g\\\"h\", 'i', '\\'', b'j', r#\"k\"l\"#, br\"m\", '\u{e4}') 'n: loop {}";
    let masked = mask(text);
    assert_eq!(masked.len(), text.len());
    assert_eq!(masked.lines().count(), text.lines().count());
    let letters: String = masked.chars().filter(|character| character.is_alphanumeric()).collect();
    assert_eq!(letters, "afnloop");
}

#[test]
fn what_stands_under_a_test_attribute_is_not_product_code() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { x.unwrap() }\n}\n#[cfg(test)]\nmod more;\nfn c() {}"
        .to_owned();
    let source = Source::new("engine/src/sql/a.rs", text);
    assert!(source.product().contains("fn a") && source.product().contains("fn c"));
    assert!(!source.product().contains("unwrap") && !source.product().contains("more"));
}

#[test]
fn imports_from_above_and_beside_are_found_in_every_form() {
    let found = findings(&[
        ("engine/src/ids.rs", "use crate::sql::Name;"),
        (
            "engine/src/catalog/a.rs",
            "use crate::sql::Name;\nuse crate::{ids::Oid, plan::{self, X}};\n// use crate::plan;",
        ),
        ("engine/src/sql/a.rs", "fn f() -> crate::catalog::Table { g() }"),
        ("engine/src/plan/a.rs", "use crate::{catalog, ids, sql};\nuse crate::plan::b;"),
        ("engine/src/sql/b.rs", "#[cfg(test)]\nmod tests { use crate::plan::P; }"),
    ]);
    assert_eq!(
        found,
        [
            "engine/src/catalog/a.rs:2: `catalog` (floor 1) must not import `plan` (floor 2)",
            "engine/src/ids.rs:1: `ids` (floor 0) must not import `sql` (floor 1)",
            "engine/src/sql/a.rs:1: `sql` (floor 1) must not import `catalog` (floor 1)",
        ]
    );
}

#[test]
fn a_room_without_a_floor_is_found() {
    let found = findings(&[]);
    assert!(found.is_empty(), "{found:?}");
    let mut workspace = Workspace::default();
    workspace.add("engine/src/lib.rs", format!("{MAP}mod attic;\n"));
    assert_eq!(check(&workspace).len(), 1);
}

#[test]
fn long_files_and_functions_are_found_and_tests_may_be_long() {
    let body = "    let x = 1;\n".repeat(69);
    let long = format!("impl A {{\nfn long<const N: usize>(a: [u8; N]) {{\n{body}}}\n}}\n");
    let short = format!("fn short() {{\n{}}}\n", "    let x = 1;\n\n".repeat(68));
    let found = findings(&[
        ("cli/src/a.rs", &format!("{short}{long}")),
        ("cli/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{long}}}\n")),
        ("cli/src/c.rs", &"// x\n".repeat(701)),
        ("cli/src/d.rs", &"// x\n\n".repeat(700)),
    ]);
    let expected = ["cli/src/a.rs:140: `long` has 71 lines, more than 70", "cli/src/c.rs:1: 701 lines, more than 700"];
    assert_eq!(found, expected);
}

#[test]
fn banned_calls_are_found_in_the_engine_only() {
    let code = "fn f() { println!(\"\"); std::process::exit(1); std::env::var(\"A\"); x.unwrap(); x.unwrap_or(1); env::vars(); }";
    assert_eq!(findings(&[("engine/src/sql/a.rs", code)]).len(), 5);
    assert!(findings(&[("cli/src/a.rs", code), ("engine/src/sql/tests.rs", code)]).is_empty());
    assert!(
        findings(&[("engine/src/sql/b.rs", "// println!\nconst A: &str = \"todo!\";\nfn unsafely() {}")]).is_empty()
    );
}

#[test]
fn machine_paths_are_found_in_any_file() {
    let path = ["/root", "/.cache"].concat();
    assert_eq!(findings(&[("docs/A.md", &path), ("cli/src/a.rs", &format!("// {path}"))]).len(), 2);
}

#[test]
fn empty_names_and_forgotten_test_files_are_found() {
    let found = findings(&[
        ("cli/src/utils.rs", ""),
        ("cli/src/common/mod.rs", ""),
        ("cli/tests/main.rs", "mod known;\nmod folder;\n// mod forgotten;"),
        ("cli/tests/known.rs", ""),
        ("cli/tests/folder/mod.rs", "mod part;"),
        ("cli/tests/folder/part.rs", ""),
        ("cli/tests/forgotten.rs", ""),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[2].starts_with("cli/tests/forgotten.rs:1: not declared"));
}
