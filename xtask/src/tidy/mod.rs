//! The house rules, checked over the workspace's text.
//!
//! Rules read masked sources ([`source::Source`]): comments, strings and test modules are blank there, so a rule about
//! code sees only code. A finding names the file, the line and the rule; nothing is fixed here.

mod banned;
mod floors;
mod names;
mod size;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use source::Source;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// The workspace's text: Rust sources by path, and everything else that people read.
#[derive(Debug, Default)]
pub struct Workspace {
    rust: Vec<Source>,
    other: Vec<(String, String)>,
}

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 2] = ["target", ".git"];

impl Workspace {
    /// Reads all text files under the workspace's folder.
    pub fn read(root: &Path) -> Workspace {
        let mut workspace = Workspace::default();
        workspace.read_folder(root, PathBuf::new());
        workspace.rust.sort_by(|left, right| left.path().cmp(right.path()));
        workspace
    }

    fn read_folder(&mut self, root: &Path, below: PathBuf) {
        let Ok(entries) = std::fs::read_dir(root.join(&below)) else { return };
        for entry in entries.flatten() {
            let path = below.join(entry.file_name());
            if SKIPPED.iter().any(|skipped| path.ends_with(skipped)) {
                continue;
            }
            if entry.path().is_dir() {
                self.read_folder(root, path);
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                self.add(&path.to_string_lossy(), text);
            }
        }
    }

    /// Adds one file.
    pub fn add(&mut self, path: &str, text: String) {
        if path.ends_with(".rs") {
            self.rust.push(Source::new(path, text));
        } else {
            self.other.push((path.to_owned(), text));
        }
    }
}

/// Checks every rule.
#[must_use]
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    floors::check(&workspace.rust, &mut findings);
    for source in &workspace.rust {
        size::check(source, &mut findings);
        banned::check(source, &mut findings);
        names::check_stem(source, &mut findings);
    }
    names::check_declared(&workspace.rust, &mut findings);
    let rust = workspace.rust.iter().map(|source| (source.path(), source.text()));
    let other = workspace.other.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    for (path, text) in rust.chain(other) {
        banned::check_paths(path, text, &mut findings);
    }
    findings.sort();
    findings
}
