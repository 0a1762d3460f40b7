//! Service files (manual: "The Connection Service File"): `[name]` sections of `key=value` lines.

use std::path::{Path, PathBuf};

use super::Environment;
use super::keywords;

/// Folders where distributions keep the system's file when `PGSYSCONFDIR` does not say.
const SYSTEM_FOLDERS: [&str; 3] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc"];

/// Longest service file that is read.
const MAX_LEN: u64 = 4 << 20;

/// Why a service could not be used.
#[derive(thiserror::Error, Debug)]
pub enum ServiceError {
    /// No file defines it.
    #[error("the definition of service \"{0}\" was not found")]
    Unknown(String),
    /// The file that was named is not there or not readable.
    #[error("service file {0} could not be read")]
    File(PathBuf, #[source] std::io::Error),
    /// A line that is neither a section, a comment nor a setting.
    #[error("service file {path}, line {line}: {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// Finds a service: in the file the user names or has at home, then in the system's.
pub(super) fn load(
    name: &str,
    file: Option<&str>,
    env: &Environment,
) -> Result<Vec<(&'static str, String)>, ServiceError> {
    if let Some(file) = file {
        let path = PathBuf::from(file);
        let text = read(&path).map_err(|error| ServiceError::File(path.clone(), error))?;
        if let Some(found) = parse(&text, name, &path)? {
            return Ok(found);
        }
    } else if let Some(home) = &env.home {
        let path = home.join(".pg_service.conf");
        if let Some(found) = optional(&path, name)? {
            return Ok(found);
        }
    }
    let folders: Vec<&Path> = match env.var("PGSYSCONFDIR") {
        Some(folder) => vec![Path::new(folder)],
        None => SYSTEM_FOLDERS.iter().map(Path::new).collect(),
    };
    for folder in folders {
        if let Some(found) = optional(&folder.join("pg_service.conf"), name)? {
            return Ok(found);
        }
    }
    Err(ServiceError::Unknown(name.to_owned()))
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_LEN).read_to_string(&mut text)?;
    Ok(text)
}

/// A file that need not exist.
fn optional(path: &Path, name: &str) -> Result<Option<Vec<(&'static str, String)>>, ServiceError> {
    match read(path) {
        Ok(text) => parse(&text, name, path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ServiceError::File(path.to_owned(), error)),
    }
}

/// The settings of section `name`; the first setting of a key counts, as in libpq.
fn parse(text: &str, name: &str, path: &Path) -> Result<Option<Vec<(&'static str, String)>>, ServiceError> {
    let mut found: Option<Vec<(&'static str, String)>> = None;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if section.split_once(']').is_some_and(|(section, _)| section == name) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(settings) = &mut found else { continue };
        let fail = |why: String| ServiceError::Line { path: path.to_owned(), line: i + 1, why };
        if line.starts_with("ldap") {
            return Err(fail("LDAP lookup of services is not supported".to_owned()));
        }
        let (key, value) = line.split_once('=').ok_or_else(|| fail("\"=\" is missing".to_owned()))?;
        let key = key.trim();
        let keyword = keywords::find(key).ok_or_else(|| fail(format!("unknown connection parameter \"{key}\"")))?;
        if matches!(keyword.name, "service" | "servicefile") {
            return Err(fail("a service cannot name another service".to_owned()));
        }
        if settings.iter().all(|(earlier, _)| *earlier != keyword.name) {
            settings.push((keyword.name, value.trim().to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str, name: &str) -> Result<Option<String>, String> {
        parse(text, name, Path::new("f"))
            .map(|found| found.map(|s| s.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sections() {
        let text = "# c\nhost=outside\n[a]\nhost=one\n port = 1 \nhost=two\n\n[b]\nuser=x=y\n[a]\nuser=again\n";
        assert_eq!(section(text, "a").unwrap().as_deref(), Some("host=one port=1"));
        assert_eq!(section(text, "b").unwrap().as_deref(), Some("user=x=y"));
        assert_eq!(section(text, "c").unwrap(), None);
    }

    #[test]
    fn bad_lines_only_matter_in_the_section() {
        let text = "[a]\nhost\n[b]\nhostt=1\n[c]\nservice=a\n[d]\nldap://x\n[e]\nhost=1";
        assert!(section(text, "a").unwrap_err().contains("line 2"));
        assert!(section(text, "b").unwrap_err().contains("\"hostt\""));
        assert!(section(text, "c").unwrap_err().contains("another service"));
        assert!(section(text, "d").unwrap_err().contains("LDAP"));
        assert_eq!(section(text, "e").unwrap().as_deref(), Some("host=1"));
    }

    #[test]
    fn user_file_then_system_file() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let system = folder.path().join("system");
        std::fs::create_dir(&home).unwrap();
        std::fs::create_dir(&system).unwrap();
        std::fs::write(system.join("pg_service.conf"), "[s]\nhost=system\n[t]\nhost=only").unwrap();
        let mut env = Environment { home: Some(home.clone()), ..Environment::default() };
        env.vars.insert("PGSYSCONFDIR".into(), system.display().to_string());
        assert_eq!(load("s", None, &env).unwrap(), [("host", "system".to_owned())]);
        std::fs::write(home.join(".pg_service.conf"), "[s]\nhost=user").unwrap();
        assert_eq!(load("s", None, &env).unwrap(), [("host", "user".to_owned())]);
        assert_eq!(load("t", None, &env).unwrap(), [("host", "only".to_owned())]);
        assert!(matches!(load("u", None, &env), Err(ServiceError::Unknown(name)) if name == "u"));
        assert!(matches!(load("s", Some("/nowhere/x"), &env), Err(ServiceError::File(..))));
    }
}
