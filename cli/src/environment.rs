//! The process's surroundings, gathered once and handed on as values: nothing else reads the environment.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Prefixes and names of variables that mean something to us; no other variable is kept.
const PREFIXES: [&str; 6] = ["PG", "PGFREIGHT_", "AWS_", "AZURE_", "GOOGLE_", "XDG_CONFIG_HOME"];

/// What the process was started with.
#[derive(Clone, Default)]
pub struct Environment {
    /// Variables of interest; empty ones count as unset, as libpq has it.
    vars: BTreeMap<String, String>,
    /// Home directory.
    pub home: Option<PathBuf>,
    /// Name of the operating system's user.
    pub user: Option<String>,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
}

impl Environment {
    /// Reads the process's surroundings.
    pub fn gather() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, value)| is_ours(name) && !value.is_empty())
            .collect();
        Self {
            vars,
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            user: account().or_else(|| std::env::var("USER").ok()).filter(|user| !user.is_empty()),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// A variable's value.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// What the engine needs to connect as libpq does: `PG*` (ours left out) and `DATABASE_URL`.
    pub fn for_connections(&self) -> pgfreight_engine::connect::Environment {
        let wanted = |name: &str| name == "DATABASE_URL" || (name.starts_with("PG") && !name.starts_with("PGFREIGHT_"));
        pgfreight_engine::connect::Environment {
            vars: self.select(wanted),
            home: self.home.clone(),
            user: self.user.clone(),
        }
    }

    /// What an object store client may use: credentials, regions, endpoints, profile files.
    pub fn for_stores(&self) -> BTreeMap<String, String> {
        self.select(|name| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.starts_with(prefix)))
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub fn config_home(&self) -> Option<PathBuf> {
        let named = self.var("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        named.or_else(|| self.home.as_ref().map(|home| home.join(".config")))
    }

    fn select(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        self.vars.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Surroundings made of the given variables: for tests.
    #[cfg(test)]
    pub fn of(vars: &[(&str, &str)]) -> Self {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { vars, ..Self::default() }
    }
}

/// The name of the account we run as, which libpq takes for the role: containers often set no `USER`.
fn account() -> Option<String> {
    let id = std::fs::metadata("/proc/self").ok()?.uid();
    name_of(&std::fs::read_to_string("/etc/passwd").ok()?, id)
}

/// Looks an account up in a file as passwd(5) describes it.
fn name_of(accounts: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    let found = accounts.lines().find(|line| line.split(':').nth(2) == Some(id.as_str()))?;
    found.split(':').next().map(str::to_owned)
}

fn is_ours(name: &str) -> bool {
    name == "DATABASE_URL" || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl std::fmt::Debug for Environment {
    /// Values may be secrets; only names are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("vars", &self.vars.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nbackup:x:34:34::/var/backups:/bin/sh\n";
        assert_eq!(name_of(accounts, 34).as_deref(), Some("backup"));
        assert_eq!(name_of(accounts, 35), None);
    }

    #[test]
    fn each_consumer_gets_its_own_variables_only() {
        let env = Environment::of(&[
            ("PGHOST", "db"),
            ("PGFREIGHT_REPO", "s3://b"),
            ("DATABASE_URL", "postgresql://x"),
            ("AWS_REGION", "eu-1"),
        ]);
        let names: Vec<String> = env.for_connections().vars.into_keys().collect();
        assert_eq!(names, ["DATABASE_URL", "PGHOST"]);
        assert_eq!(env.for_stores().into_keys().collect::<Vec<_>>(), ["AWS_REGION"]);
        assert!(!format!("{env:?}").contains("postgresql://x"));
    }
}
