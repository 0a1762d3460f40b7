//! The password file (manual: "The Password File"): `hostname:port:database:username:password`, first match counts.

use std::fmt;
use std::io::Read;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

/// Longest password file that is read.
const MAX_LEN: u64 = 4 << 20;

/// Directories whose sockets count as `localhost` in the file: the defaults of Debian's and of plain builds.
pub(super) const DEFAULT_SOCKET_DIRECTORIES: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// The lines of a password file.
#[derive(Clone, Default)]
pub(super) struct PassFile {
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    /// Host, port, database, user; `None` is the wildcard.
    fields: [Option<String>; 4],
    password: SecretString,
}

impl fmt::Debug for PassFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassFile({} entries)", self.entries.len())
    }
}

impl PassFile {
    /// Reads a file. One that cannot be used gives a warning instead: libpq goes on without it, too.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let Ok(meta) = std::fs::metadata(path) else { return Ok(Self::default()) };
        if !meta.is_file() {
            return Err(format!("password file {shown} was ignored: it is not a plain file"));
        }
        if readable_by_others(&meta) {
            return Err(format!(
                "password file {shown} was ignored: group or others may access it (its permissions must be 0600 or \
                 stricter)"
            ));
        }
        let mut text = String::new();
        match std::fs::File::open(path).and_then(|file| file.take(MAX_LEN).read_to_string(&mut text)) {
            Ok(_) => Ok(Self::parse(&text)),
            Err(error) => Err(format!("password file {shown} was ignored: {error}")),
        }
    }

    /// Parses lines; those that are not five fields are skipped.
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.lines().filter(|line| !line.starts_with('#')).filter_map(Entry::parse).collect();
        Self { entries }
    }

    /// The first matching password. `host` is what the user named: a name, an address or a socket directory; nothing
    /// means the default socket.
    pub(super) fn find(&self, host: Option<&str>, port: u16, database: &str, user: &str) -> Option<&SecretString> {
        let host = match host {
            None | Some("") => "localhost",
            Some(path) if DEFAULT_SOCKET_DIRECTORIES.contains(&path.trim_end_matches('/')) => "localhost",
            Some(name) => name,
        };
        let port = port.to_string();
        let wanted = [host, &port, database, user];
        self.entries
            .iter()
            .find(|entry| entry.fields.iter().zip(wanted).all(|(f, w)| f.as_deref().is_none_or(|f| f == w)))
            .map(|entry| &entry.password)
            .filter(|password| !password.expose_secret().is_empty())
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut rest = line.trim_end_matches('\r');
        let mut fields = [const { None }; 4];
        for field in &mut fields {
            let (text, wild, after) = split_field(rest)?;
            *field = (!wild).then_some(text);
            rest = after;
        }
        let mut password = String::with_capacity(rest.len());
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            password.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
        }
        Some(Self { fields, password: password.into() })
    }
}

/// Takes one field off a line: its unescaped text, whether it is the wildcard, and what follows the colon.
fn split_field(line: &str) -> Option<(String, bool, &str)> {
    let mut text = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return Some((text, &line[..at] == "*", &line[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            c => text.push(c),
        }
    }
    None
}

#[cfg(unix)]
fn readable_by_others(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn readable_by_others(_meta: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: Option<&str>, port: u16, database: &str, user: &str) -> Option<String> {
        PassFile::parse(text).find(host, port, database, user).map(|p| p.expose_secret().to_owned())
    }

    #[test]
    fn first_match_wildcards_and_comments() {
        let text = "# comment\nh:5432:db:u:one\n\nbad line\nh:*:*:u:two\r\n*:*:*:*:three";
        assert_eq!(found(text, Some("h"), 5432, "db", "u").as_deref(), Some("one"));
        assert_eq!(found(text, Some("h"), 5433, "db", "u").as_deref(), Some("two"));
        assert_eq!(found(text, Some("x"), 1, "y", "z").as_deref(), Some("three"));
        assert_eq!(found("h:1:d:u:p", Some("h"), 2, "d", "u"), None);
        assert_eq!(found("h:1:d:u:", Some("h"), 1, "d", "u"), None, "an empty password is none");
    }

    #[test]
    fn escapes() {
        assert_eq!(
            found(r"fe80\:\:1:5432:a\\b:u:p\:w\\x", Some("fe80::1"), 5432, r"a\b", "u").as_deref(),
            Some(r"p:w\x")
        );
        assert_eq!(found(r"\*:1:d:u:p", Some("x"), 1, "d", "u"), None, "an escaped star is a name");
        assert_eq!(found(r"h:1:d:u:a:b", Some("h"), 1, "d", "u").as_deref(), Some("a:b"));
    }

    #[test]
    fn sockets() {
        let text = "localhost:5432:*:*:local\n/srv/sock:5432:*:*:path";
        assert_eq!(found(text, None, 5432, "d", "u").as_deref(), Some("local"));
        assert_eq!(found(text, Some("/var/run/postgresql"), 5432, "d", "u").as_deref(), Some("local"));
        assert_eq!(found(text, Some("/tmp/"), 5432, "d", "u").as_deref(), Some("local"));
        assert_eq!(found(text, Some("/srv/sock"), 5432, "d", "u").as_deref(), Some("path"));
        assert_eq!(found(text, Some("/other"), 5432, "d", "u"), None);
    }

    #[cfg(unix)]
    #[test]
    fn loose_permissions_are_a_warning() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret").unwrap();
        for (mode, fine) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let loaded = PassFile::load(&path);
            assert_eq!(loaded.is_ok(), fine, "{mode:o}");
            if let Err(warning) = loaded {
                assert!(warning.contains("0600") && !warning.contains("secret"));
            }
        }
        assert!(PassFile::load(&folder.path().join("none")).is_ok_and(|file| file.entries.is_empty()));
        assert!(PassFile::load(folder.path()).is_err());
    }
}
