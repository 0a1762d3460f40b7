//! Modules have names that say something, and no test file is forgotten.

use super::Finding;
use super::source::Source;

/// Names of places where things are dropped, not kept.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

pub fn check_stem(source: &Source, findings: &mut Vec<Finding>) {
    for part in source.path().split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&stem) {
            findings.push(Finding::new(source.path(), 1, format!("`{stem}` says nothing about what is in it")));
        }
    }
}

/// Every file beside a `tests/main.rs` is one of its modules; a file that is not is compiled by nobody.
pub fn check_declared(sources: &[Source], findings: &mut Vec<Finding>) {
    for main in sources.iter().filter(|source| source.path().ends_with("/tests/main.rs")) {
        let folder = main.path().strip_suffix("main.rs").unwrap_or_default();
        for source in sources {
            let Some(below) = source.path().strip_prefix(folder).filter(|below| *below != "main.rs") else { continue };
            let module = match below.split_once('/') {
                Some((module, "mod.rs")) => module,
                Some(_) => continue,
                None => below.strip_suffix(".rs").unwrap_or(below),
            };
            if !main.code().contains(&format!("mod {module};")) {
                findings.push(Finding::new(source.path(), 1, format!("not declared in {}", main.path())));
            }
        }
    }
}
