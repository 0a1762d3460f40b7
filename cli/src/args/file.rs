//! The configuration file: TOML, unknown keys refused, every value with its line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use pgfreight_engine::{Error, Kind};
use serde::Deserialize;
use toml::Spanned;

use super::dump::CopyFormatArg;
use super::global::LogFormat;
use super::jobs::Jobs;

/// A value with its place in the file.
pub type Placed<T> = Option<Spanned<T>>;

/// The file's content. Keys are the long options' names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Content {
    pub repo: Placed<String>,
    pub writer_key: Placed<PathBuf>,
    pub identity: Placed<OneOrMore>,
    pub passphrase_file: Placed<PathBuf>,
    pub jobs: Placed<Jobs>,
    pub memory: Placed<String>,
    pub log_format: Placed<LogFormat>,
    pub source: Connection,
    pub target: Target,
    pub dump: Dump,
    pub restore: Restore,
    pub store: Store,
}

/// `[source]`: the server to read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Connection {
    pub dbname: Placed<String>,
    pub host: Placed<String>,
    pub port: Placed<u16>,
    pub username: Placed<String>,
}

/// `[target]`: the server to write.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Target {
    pub dbname: Placed<String>,
    pub host: Placed<String>,
    pub port: Placed<u16>,
    pub username: Placed<String>,
    pub protected: Placed<OneOrMore>,
}

/// `[dump]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Dump {
    pub jobs: Placed<Jobs>,
    pub memory: Placed<String>,
    pub compress: Placed<String>,
    pub copy_format: Placed<CopyFormatArg>,
    pub chunk_size: Placed<String>,
    pub rate_limit: Placed<String>,
    pub polite: Placed<bool>,
    pub max_replication_lag: Placed<String>,
    pub max_active: Placed<u32>,
    pub lock_wait_timeout: Placed<String>,
    pub snapshot_age: Placed<String>,
    pub role: Placed<String>,
    pub enable_row_security: Placed<bool>,
    pub globals: Placed<bool>,
    pub role_passwords: Placed<bool>,
    pub table: Placed<OneOrMore>,
    pub exclude_table: Placed<OneOrMore>,
    pub schema: Placed<OneOrMore>,
    pub exclude_schema: Placed<OneOrMore>,
    pub exclude_table_data: Placed<OneOrMore>,
    pub allow_losses: Placed<bool>,
}

/// `[restore]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Restore {
    pub jobs: Placed<Jobs>,
    pub rate_limit: Placed<String>,
    pub memory: Placed<String>,
    pub role: Placed<String>,
    pub globals: Placed<bool>,
    pub no_owner: Placed<bool>,
    pub no_privileges: Placed<bool>,
    pub allow_losses: Placed<bool>,
}

/// `[store]`: how to reach the object store. Credentials come from the environment and profile files only.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Store {
    pub endpoint: Placed<String>,
    pub region: Placed<String>,
    pub path_style: Placed<bool>,
    pub allow_http: Placed<bool>,
    pub profile: Placed<String>,
}

/// A word or a list of words.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
pub enum OneOrMore {
    /// `key = "word"`.
    One(String),
    /// `key = ["word", "word"]`.
    More(Vec<String>),
}

impl OneOrMore {
    /// The words.
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::More(words) => words,
        }
    }
}

/// A configuration file that was read.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Its path; `None` if there is none.
    pub path: Option<PathBuf>,
    /// Where each line begins, to turn places into line numbers.
    line_starts: Vec<usize>,
    /// What it says.
    pub content: Content,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// `Kind::Usage` naming the file and the line; never the line's text, which may hold a password.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(Kind::Usage, format!("cannot read the configuration file {}", path.display())).because(error)
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut file = Self { path: Some(path.to_owned()), line_starts, content: Content::default() };
        file.content = toml::from_str(text).map_err(|error| {
            let line = file.line(&error.span().unwrap_or_default());
            let what = format!("{}:{line}: {}", path.display(), without_values(error.message()));
            Error::new(Kind::Usage, what)
                .hint("The keys are listed in docs/OPERATIONS.md under \"Configuration file\".")
        })?;
        Ok(file)
    }

    /// The line a place lies on, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts.partition_point(|start| *start <= span.start).max(1)
    }
}

/// The parser quotes offending values in messages such as `invalid type: string "…", expected …`.
fn without_values(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    match first.split_once(", expected") {
        Some((head, tail)) if !head.starts_with("unknown field") && !head.starts_with("unknown variant") => {
            format!("wrong kind of value, expected{tail}")
        }
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, Error> {
        ConfigFile::parse(Path::new("pgfreight.toml"), text)
    }

    #[test]
    fn values_know_their_line() {
        let file = parse("repo = \"s3://b\"\n\n[dump]\njobs = 8\ntable = [\"a\", \"b\"]\n").expect("valid");
        let jobs = file.content.dump.jobs.as_ref().expect("given");
        assert_eq!((file.line(&jobs.span()), *jobs.get_ref()), (4, Jobs::Count(8)));
        assert_eq!(file.line(&file.content.repo.as_ref().expect("given").span()), 1);
    }

    #[test]
    fn lanes_are_a_number_or_auto() {
        let file = parse("jobs = \"auto\"\n").expect("valid");
        assert_eq!(file.content.jobs.map(toml::Spanned::into_inner), Some(Jobs::Auto));
        for bad in ["jobs = 0\n", "jobs = \"many\"\n", "jobs = true\n"] {
            assert!(parse(bad).expect_err("refused").what().starts_with("pgfreight.toml:1:"), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let error = parse("repo = \"x\"\n[dump]\njbos = 4\n").expect_err("refused");
        assert!(error.what().starts_with("pgfreight.toml:3: unknown field `jbos`"), "{}", error.what());
    }

    #[test]
    fn a_wrong_value_is_not_quoted() {
        let error = parse("[source]\nport = \"hunter2\"\n").expect_err("refused");
        assert!(error.what().starts_with("pgfreight.toml:2:"), "{}", error.what());
        assert!(!error.what().contains("hunter2"), "{}", error.what());
    }
}
