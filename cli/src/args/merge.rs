//! Layers: default < configuration file < environment < command line. Each value remembers where it came from.

use std::fmt;
use std::path::PathBuf;

use pgfreight_engine::{Error, Kind};
use serde::Serialize;

use super::file::{ConfigFile, Placed};
use crate::environment::Environment;

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(&'static str),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One resolved setting, for `--explain-config`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name, as on the command line or, with its table, in the file.
    pub key: &'static str,
    /// Its value, secrets replaced.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Reads a variable's text; a refusal is a sentence that does not quote it.
pub type Reader<T> = fn(&str) -> Result<T, String>;

/// What may stand for a setting, lowest layer last.
pub struct Candidates<'a, T> {
    /// From the command line.
    pub flag: Option<T>,
    /// An environment variable and how to read it.
    pub variable: Option<(&'static str, Reader<T>)>,
    /// From the configuration file; the most specific table first.
    pub file: &'a [&'a Placed<T>],
}

/// The layers below the command line, and the record of what was chosen.
#[derive(Debug)]
pub struct Layers<'a> {
    file: &'a ConfigFile,
    env: &'a Environment,
    rows: Vec<Row>,
}

impl<'a> Layers<'a> {
    /// Layers of a run.
    pub fn new(file: &'a ConfigFile, env: &'a Environment) -> Self {
        Self { file, env, rows: Vec::new() }
    }

    /// What the configuration file says.
    pub fn content(&self) -> &'a super::file::Content {
        &self.file.content
    }

    /// The environment.
    pub fn env(&self) -> &'a Environment {
        self.env
    }

    /// What was chosen so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Chooses a value, or none.
    ///
    /// # Errors
    /// `Kind::Usage` if a variable's text cannot be read; its text is not quoted.
    pub fn choose<T: Clone>(&mut self, found: Candidates<'_, T>) -> Result<Option<(T, Origin)>, Error> {
        if let Some(value) = found.flag {
            return Ok(Some((value, Origin::Flag)));
        }
        if let Some((name, read)) = found.variable
            && let Some(text) = self.env.var(name)
        {
            let value = read(text).map_err(|message| Error::new(Kind::Usage, format!("${name}: {message}")))?;
            return Ok(Some((value, Origin::Variable(name))));
        }
        let placed = found.file.iter().find_map(|placed| placed.as_ref());
        Ok(placed.map(|placed| (placed.get_ref().clone(), self.place(&placed.span()))))
    }

    /// Chooses a value that has a default.
    ///
    /// # Errors
    /// As [`Layers::choose`].
    pub fn pick<T: Clone + fmt::Display>(
        &mut self,
        key: &'static str,
        found: Candidates<'_, T>,
        default: T,
    ) -> Result<T, Error> {
        let (value, origin) = self.choose(found)?.unwrap_or((default, Origin::Default));
        self.note(key, &value, &origin);
        Ok(value)
    }

    /// Records a choice.
    pub fn note(&mut self, key: &'static str, value: &dyn fmt::Display, origin: &Origin) {
        self.rows.push(Row { key, value: value.to_string(), origin: origin.to_string() });
    }

    /// A place in the file as an origin.
    pub fn place(&self, span: &std::ops::Range<usize>) -> Origin {
        let path = self.file.path.clone().unwrap_or_default();
        Origin::File(path, self.file.line(span))
    }

    /// A text from the file read with the command line's own parser.
    ///
    /// # Errors
    /// `Kind::Usage` with the line.
    pub fn read_placed<T>(
        &self,
        text: &Placed<String>,
        read: fn(&str) -> Result<T, String>,
    ) -> Result<Placed<T>, Error> {
        let Some(text) = text else { return Ok(None) };
        let value = read(text.get_ref())
            .map_err(|message| Error::new(Kind::Usage, format!("{}: {message}", self.place(&text.span()))))?;
        Ok(Some(toml::Spanned::new(text.span(), value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::jobs::{Jobs, parse};

    fn jobs(flag: Option<Jobs>, vars: &[(&str, &str)], toml: &str) -> (Jobs, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.toml");
        std::fs::write(&path, toml).expect("written");
        let file = ConfigFile::read(&path).expect("valid");
        let env = Environment::of(vars);
        let mut layers = Layers::new(&file, &env);
        let content = layers.content();
        let found =
            Candidates { flag, variable: Some(("PGFREIGHT_JOBS", parse)), file: &[&content.dump.jobs, &content.jobs] };
        let value = layers.pick("jobs", found, Jobs::Count(4)).expect("readable");
        (value, layers.rows()[0].origin.clone())
    }

    #[test]
    fn higher_layers_win_and_are_named() {
        let count = Jobs::Count;
        assert_eq!(jobs(None, &[], ""), (count(4), "default".to_owned()));
        let (value, origin) = jobs(None, &[], "jobs = 2\n");
        assert!(value == count(2) && origin.ends_with("c.toml:1"), "{origin}");
        let (value, origin) = jobs(None, &[], "jobs = 2\n[dump]\njobs = 3\n");
        assert!(value == count(3) && origin.ends_with("c.toml:3"), "{origin}");
        assert_eq!(jobs(None, &[("PGFREIGHT_JOBS", "5")], "jobs = 2\n"), (count(5), "$PGFREIGHT_JOBS".to_owned()));
        assert_eq!(
            jobs(Some(count(6)), &[("PGFREIGHT_JOBS", "5")], "jobs = 2\n"),
            (count(6), "command line".to_owned())
        );
    }
}
