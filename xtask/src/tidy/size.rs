//! Files and functions stay of a size that a person can read.

use super::Finding;
use super::source::{Source, item_end, line_of};

/// Lines of a file, without blank ones.
const FILE_LINES: usize = 700;
/// Lines of a function, from its `fn` to its closing brace, without blank ones.
const FUNCTION_LINES: usize = 70;

/// Files that are tables rather than text, and may be longer.
const DATA_FILES: [&str; 1] = ["engine/src/sql/keywords.rs"];

pub fn check(source: &Source, findings: &mut Vec<Finding>) {
    let lines = filled_lines(source.text());
    if lines > FILE_LINES && !DATA_FILES.contains(&source.path()) {
        findings.push(Finding::new(source.path(), 1, format!("{lines} lines, more than {FILE_LINES}")));
    }
    if source.is_test() {
        return;
    }
    let code = source.product();
    for (name, start, end) in functions(code) {
        let lines = filled_lines(&source.text()[start..end]);
        if lines > FUNCTION_LINES {
            let text = format!("`{name}` has {lines} lines, more than {FUNCTION_LINES}");
            findings.push(Finding::new(source.path(), line_of(code, start), text));
        }
    }
}

fn filled_lines(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Name, start and end of every function with a body.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let mut functions = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let name = code[start + 3..].trim_start();
        let length = name.find(|character: char| !(character.is_alphanumeric() || character == '_'));
        let name = &name[..length.unwrap_or(name.len())];
        let end = item_end(code.as_bytes(), start);
        // Function pointer types (`fn(u8)`) have no name; declarations in traits end with a semicolon.
        if !name.is_empty() && code[start..end].ends_with('}') {
            functions.push((name, start, end));
        }
    }
    functions
}
