//! What the engine never does, and what no file of the project may name.

use super::Finding;
use super::source::{Source, line_of};

/// Calls the engine never makes outside its tests, with the reason.
const CALLS: [(&str, &str); 13] = [
    ("println!", "the engine never prints; report an event"),
    ("eprintln!", "the engine never prints; report an event"),
    ("print!", "the engine never prints; report an event"),
    ("eprint!", "the engine never prints; report an event"),
    ("dbg!", "left over from debugging"),
    ("todo!", "unfinished"),
    ("unimplemented!", "unfinished"),
    ("process::exit", "only the command line ends the process"),
    ("env::var", "the engine never reads the environment; options come in as typed values"),
    ("env::vars", "the engine never reads the environment; options come in as typed values"),
    ("env::var_os", "the engine never reads the environment; options come in as typed values"),
    (".unwrap()", "return an error, or say with `expect` why it cannot happen"),
    ("unsafe", "nothing else here needs it"),
];

/// Calls that one file is there for.
const EXCEPTIONS: [(&str, &str); 1] = [("engine/src/connect/low_water.rs", "unsafe")];

/// Folders of one machine, which would be wrong on every other. Split, so that this file does not name them itself.
const MACHINE_PATHS: [(&str, &str); 6] =
    [("/root", "/"), ("/work", "/main"), ("/work", "/shared"), ("/tmp", "/wt"), ("/tmp", "/brief"), ("/tmp", "/parts")];

pub fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.path().starts_with("engine/src/") || source.is_test() {
        return;
    }
    let code = source.product();
    for (call, reason) in CALLS {
        for (offset, _) in code.match_indices(call) {
            if stands_alone(code, offset, call) && !EXCEPTIONS.contains(&(source.path(), call)) {
                findings.push(Finding::new(source.path(), line_of(code, offset), format!("`{call}`: {reason}")));
            }
        }
    }
}

/// `print!` in `println!` or `eprint!`, and `env::var` in `env::vars`, are other calls.
fn stands_alone(code: &str, offset: usize, call: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let before = code[..offset].chars().next_back();
    let after = code[offset + call.len()..].chars().next();
    let grown_left = call.starts_with(is_word) && before.is_some_and(is_word);
    let grown_right = call.ends_with(is_word) && after.is_some_and(is_word);
    !grown_left && !grown_right
}

pub fn check_paths(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (folder, rest) in MACHINE_PATHS {
        let word = format!("{folder}{rest}");
        for (offset, _) in text.match_indices(&word) {
            findings.push(Finding::new(path, line_of(text, offset), format!("`{word}` is a path of one machine")));
        }
    }
}
