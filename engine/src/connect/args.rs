//! What the user says about a connection, before anything is looked up.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

/// The user's world, handed in by the caller: the engine reads no environment.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables (`PG*`, `DATABASE_URL`; others are ignored).
    pub vars: BTreeMap<String, String>,
    /// Home directory: `.pgpass`, `.pg_service.conf`, `.postgresql/` are looked for there.
    pub home: Option<PathBuf>,
    /// Name of the operating system's user: the default role.
    pub user: Option<String>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.vars.keys().collect();
        f.debug_struct("Environment").field("vars", &names).field("home", &self.home).field("user", &self.user).finish()
    }
}

impl Environment {
    /// A variable's value; an empty one counts as unset, as libpq has it.
    pub(super) fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Asks the user for a password; the argument is the prompt's text. Called at most once per resolved options, and
/// only from the task that opens the connection.
#[derive(Clone)]
pub struct PasswordPrompt(Arc<Ask>);

/// The function behind a prompt.
type Ask = dyn Fn(&str) -> io::Result<SecretString> + Send + Sync;

impl PasswordPrompt {
    /// Wraps a function that asks.
    pub fn new(ask: impl Fn(&str) -> io::Result<SecretString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks.
    pub(super) fn ask(&self, text: &str) -> io::Result<SecretString> {
        (self.0)(text)
    }
}

impl fmt::Debug for PasswordPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordPrompt")
    }
}

/// What the command line says explicitly (`-d -h -p -U -w -W`), or a configuration file in its place.
#[derive(Clone, Default)]
pub struct ConnectArgs {
    /// `-d`: a URI, a `key=value` connection string, or a database name.
    pub dbname: Option<String>,
    /// `-h`: host names, addresses or socket directories, separated by commas.
    pub host: Option<String>,
    /// `-p`: one port, or one per host.
    pub port: Option<String>,
    /// `-U`: the role to log in as.
    pub user: Option<String>,
    /// A password the caller already has.
    pub password: Option<SecretString>,
    /// `-w`: never ask for a password.
    pub never_prompt: bool,
    /// `-W`: ask before the first connection.
    pub force_prompt: bool,
    /// How to ask; without it a missing password is an error.
    pub prompt: Option<PasswordPrompt>,
}

impl fmt::Debug for ConnectArgs {
    /// The `-d` value may hold a password, so only its presence is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectArgs")
            .field("dbname", &self.dbname.as_ref().map(|_| "…"))
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("never_prompt", &self.never_prompt)
            .field("force_prompt", &self.force_prompt)
            .finish_non_exhaustive()
    }
}
