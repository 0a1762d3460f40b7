//! The resolved connection: everything a connection attempt needs to know.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::SecretString;

use super::PasswordPrompt;
use super::hosts::{Address, Host, Place};
use super::passfile::PassFile;

/// What `application_name` says when the user does not.
pub(super) const APPLICATION_NAME: &str = "pgfreight";

/// `connect_timeout` when the user gives none. libpq waits forever; nothing here does. 0 still means forever.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// `keepalives_idle`, `_interval` and `_count` when the user gives none. The session that holds a snapshot sits idle
/// for hours; most NAT tables forget it after some minutes, the system's default is two hours.
pub(super) const KEEPALIVE: (u64, u64, u32) = (60, 20, 6);

/// `sslmode`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// `channel_binding`, and `sslcertmode`, which has the same shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    Disable,
    Prefer,
    Require,
}

/// `target_session_attrs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attributes {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// Ways a server may ask for proof, as `require_auth` names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    /// No proof: `trust`, or a client certificate.
    None,
    Password,
    Md5,
    Scram,
    /// `gss`, `sspi`, `oauth`, `creds`: never spoken here, so they only ever exclude.
    Other,
}

/// `require_auth`: the methods that are acceptable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RequireAuth {
    pub methods: Vec<Method>,
    /// The list was written with `!`: everything but these.
    pub negated: bool,
    /// As written, for messages.
    pub text: String,
}

impl RequireAuth {
    pub(super) fn allows(&self, method: Method) -> bool {
        self.methods.contains(&method) != self.negated
    }
}

/// Where trusted roots come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Roots {
    /// `~/.postgresql/root.crt` if it exists.
    Default(Option<PathBuf>),
    /// A file that must exist when verification is asked for.
    File(PathBuf),
    /// The operating system's store.
    System,
}

/// A file that is used if named, or if it exists at its default place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Credential {
    Default(Option<PathBuf>),
    File(PathBuf),
}

/// Everything TLS needs.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    pub mode: SslMode,
    /// `sslnegotiation=direct`: TLS from the first byte.
    pub direct: bool,
    pub roots: Roots,
    pub certificate: Credential,
    pub key: Credential,
    pub certificate_use: Wish,
    pub sni: bool,
    /// TLS 1.2 is acceptable.
    pub tls12: bool,
    /// TLS 1.3 is acceptable.
    pub tls13: bool,
    /// Built at first use, shared by all connections of these options.
    pub built: Arc<OnceLock<super::tls::Configs>>,
}

/// TCP keepalives and the time unacknowledged data may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TcpSettings {
    /// Idle time, interval, count; `None` switches them off.
    pub keepalive: Option<(u64, u64, u32)>,
    pub user_timeout: Option<Duration>,
}

/// Where a password comes from, most explicit first.
#[derive(Clone, Default)]
pub(super) struct Passwords {
    pub explicit: Option<SecretString>,
    pub file: PassFile,
    pub prompt: Option<PasswordPrompt>,
    /// What the user typed, asked for once and shared by all clones of the options.
    pub typed: Arc<tokio::sync::Mutex<Option<SecretString>>>,
}

/// Where and how to connect, resolved. Cheap to clone; `Debug` shows no secret.
#[derive(Clone)]
pub struct ConnectOptions {
    pub(super) hosts: Vec<Host>,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) passwords: Passwords,
    pub(super) application_name: String,
    /// Startup parameters beyond user, database and application name.
    pub(super) startup: Vec<(String, String)>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) tcp: TcpSettings,
    pub(super) tls: TlsSettings,
    pub(super) channel_binding: Wish,
    pub(super) require_auth: Option<RequireAuth>,
    pub(super) attributes: Attributes,
    pub(super) balance: bool,
    pub(super) warnings: Vec<String>,
}

impl ConnectOptions {
    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// Adds a parameter to the startup packet, e.g. `client_encoding`, or replaces it. PgBouncer refuses parameters
    /// it does not know, so most settings are better made with `SET` after connecting.
    #[must_use]
    pub fn with_startup(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.startup.retain(|(known, _)| known != name);
        changed.startup.push((name.to_owned(), value.to_owned()));
        changed
    }

    /// Another `application_name`.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        Self { application_name: name.to_owned(), ..self.clone() }
    }

    /// Another password, in place of everything else that could give one.
    #[must_use]
    pub fn with_password(&self, password: SecretString) -> Self {
        let mut changed = self.clone();
        changed.passwords.explicit = Some(password);
        changed
    }

    /// Only the server at `address`, whatever was asked for: it has been chosen already. The host keeps its name, which
    /// certificates and password files are matched against; a name with several addresses is not looked up again.
    pub(super) fn narrowed(&self, host: &Host, address: &Address) -> Self {
        let place = match address {
            Address::Tcp(address) => Place::Address(address.ip()),
            Address::Unix(_) => host.place.clone(),
        };
        let host = Host { place, ..host.clone() };
        Self { hosts: vec![host], attributes: Attributes::Any, balance: false, ..self.clone() }
    }

    /// Name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Role to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// `application_name` the connections carry.
    pub fn application_name(&self) -> &str {
        &self.application_name
    }

    /// The hosts as `host:port,host:port`, for people.
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        hosts.join(",")
    }

    /// `host:port/database`, for people; no secret.
    pub fn describe(&self) -> String {
        format!("{}/{}", self.hosts(), self.database)
    }

    /// Things the user should know though they stop nothing, e.g. a `.pgpass` ignored for its permissions.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("application_name", &self.application_name)
            .field("connect_timeout", &self.connect_timeout)
            .field("sslmode", &self.tls.mode)
            .finish_non_exhaustive()
    }
}
