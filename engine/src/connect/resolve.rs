//! From what was said to what is done.
//!
//! Layers, the first that says something wins, parameter by parameter: explicit arguments, the connection string, the
//! service file, `PG*` variables, defaults (libpq's order: manual, "The Connection Service File"). Two deliberate
//! strictnesses: an argument that contradicts the connection string is refused rather than silently dropped, because
//! a restore writes where it is pointed; and `DATABASE_URL`, which libpq does not know, is only read when nothing else
//! says where to connect, so its password is never offered to another host.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::conninfo::{self, SyntaxError};
use super::hosts::{self, HostError};
use super::keywords::{self, Use};
use super::options::{
    APPLICATION_NAME, Attributes, CONNECT_TIMEOUT, ConnectOptions, Credential, KEEPALIVE, Method, Passwords,
    RequireAuth, Roots, SslMode, TcpSettings, TlsSettings, Wish,
};
use super::passfile::PassFile;
use super::service::{self, ServiceError};
use super::uri::{self, Shape};
use super::{ConnectArgs, Environment};
use crate::error::{Error, Kind, Result};

/// Why connection options cannot be meant.
#[derive(thiserror::Error, Debug)]
pub enum OptionError {
    /// The connection string does not parse.
    #[error("{origin}: {cause}")]
    Syntax {
        /// Which string.
        origin: &'static str,
        /// Why.
        cause: SyntaxError,
    },
    /// The service cannot be used.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The host lists do not fit.
    #[error(transparent)]
    Hosts(#[from] HostError),
    /// A value outside a parameter's domain. Never used for passwords.
    #[error("{key}: \"{value}\" is not one of {allowed}")]
    Value {
        /// Parameter.
        key: &'static str,
        /// What was said.
        value: String,
        /// What could be said.
        allowed: &'static str,
    },
    /// A parameter that has no meaning here.
    #[error("{key} is set ({origin}), but {why}")]
    Refused {
        /// Parameter.
        key: &'static str,
        /// Who set it.
        origin: &'static str,
        /// Why it is refused.
        why: &'static str,
    },
    /// An argument says something else than the connection string.
    #[error("{0} is given both as an argument and, differently, in the connection string")]
    Contradiction(&'static str),
    /// Parameters that exclude each other.
    #[error("{0}")]
    Combination(&'static str),
    /// No role to log in as.
    #[error("no user name is known to log in with")]
    NoUser,
}

impl OptionError {
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { cause: SyntaxError::Unknown(_), .. } => {
                Some("Only libpq's connection parameters are understood; remove parameters meant for other drivers.")
            }
            Self::Syntax { cause: SyntaxError::Percent(_), .. } => {
                Some("Characters such as @ : / ? # and % must be percent-encoded inside a URI.")
            }
            Self::Syntax { cause: SyntaxError::NoEquals(_) | SyntaxError::OpenQuote(_), .. } => {
                Some("Values with spaces need single quotes; \\' and \\\\ stand for a quote and a backslash.")
            }
            Self::Syntax { cause: SyntaxError::Scheme(_), .. } => {
                Some("Use postgresql://user@host:port/database, key=value pairs, or a database name with -d.")
            }
            Self::Contradiction(_) => Some("Say it once."),
            Self::NoUser => Some("Name the role with -U or PGUSER."),
            Self::Service(ServiceError::Unknown(_)) => {
                Some("Services are defined in ~/.pg_service.conf, PGSERVICEFILE or PGSYSCONFDIR/pg_service.conf.")
            }
            _ => None,
        }
    }
}

impl From<OptionError> for Error {
    fn from(fault: OptionError) -> Self {
        let error = Self::new(Kind::Usage, fault.to_string());
        let error = match fault.advice() {
            Some(advice) => error.hint(advice),
            None => error,
        };
        match fault {
            OptionError::Service(ServiceError::File(_, cause)) => error.because(cause),
            _ => error,
        }
    }
}

/// Resolves what was said into connection options: explicit arguments, the connection string, the service file,
/// `PG*` variables, defaults, in this order (manual: "libpq Connection Strings", "The Connection Service File").
pub fn resolve(args: &ConnectArgs, env: &Environment) -> Result<ConnectOptions> {
    let layers = Layers::gather(args, env)?;
    layers.check_uses()?;
    let mut warnings = Vec::new();
    let user = layers.nonempty("user").map(str::to_owned).or_else(|| env.user.clone()).ok_or(OptionError::NoUser)?;
    let database = layers.nonempty("dbname").unwrap_or(&user).to_owned();
    let hosts =
        hosts::combine(layers.get("host"), layers.get("hostaddr"), layers.get("port")).map_err(OptionError::from)?;
    let options = layers.nonempty("options").map(|value| ("options".to_owned(), value.to_owned()));
    let resolved = ConnectOptions {
        hosts,
        passwords: passwords(args, &layers, env, &mut warnings),
        application_name: layers
            .nonempty("application_name")
            .or_else(|| layers.nonempty("fallback_application_name"))
            .unwrap_or(APPLICATION_NAME)
            .to_owned(),
        startup: options.into_iter().collect(),
        connect_timeout: connect_timeout(&layers)?,
        tcp: tcp(&layers)?,
        tls: tls(&layers, env)?,
        channel_binding: layers.choose(
            "channel_binding",
            Wish::Prefer,
            "disable, prefer, require",
            &[("disable", Wish::Disable), ("prefer", Wish::Prefer), ("require", Wish::Require)],
        )?,
        require_auth: layers.nonempty("require_auth").map(require_auth).transpose()?,
        attributes: attributes(&layers)?,
        balance: layers.choose(
            "load_balance_hosts",
            false,
            "disable, random",
            &[("disable", false), ("random", true)],
        )?,
        warnings,
        database,
        user,
    };
    if args.force_prompt && resolved.passwords.explicit.is_none() {
        return ask_now(resolved);
    }
    Ok(resolved)
}

/// `-W`: the user wants to be asked before anything is tried.
fn ask_now(options: ConnectOptions) -> Result<ConnectOptions> {
    let Some(prompt) = &options.passwords.prompt else { return Ok(options) };
    let text = format!("Password for user {}: ", options.user);
    let typed =
        prompt.ask(&text).map_err(|error| Error::new(Kind::Usage, "no password could be read").because(error))?;
    Ok(options.with_password(typed))
}

/// What one source of settings said.
struct Layer {
    origin: &'static str,
    settings: Vec<(&'static str, String)>,
}

/// All sources, strongest first.
struct Layers(Vec<Layer>);

impl Layers {
    fn gather(args: &ConnectArgs, env: &Environment) -> Result<Self, OptionError> {
        let mut explicit = Vec::new();
        for (key, value) in [("host", &args.host), ("port", &args.port), ("user", &args.user)] {
            if let Some(value) = value {
                explicit.push((key, value.clone()));
            }
        }
        let mut layers = vec![Layer { origin: "command line", settings: explicit }];
        if let Some(text) = &args.dbname {
            match parse_string(text, "the connection string")? {
                Some(settings) => {
                    let layer = Layer { origin: "connection string", settings };
                    contradictions(&layers[0], &layer)?;
                    layers.push(layer);
                }
                None => layers[0].settings.push(("dbname", text.clone())),
            }
        } else if let Some(url) = database_url(args, env) {
            let settings = parse_string(url, "DATABASE_URL")?
                .ok_or(OptionError::Combination("DATABASE_URL is not a connection string"))?;
            layers.push(Layer { origin: "DATABASE_URL", settings });
        }
        let environment = Layer { origin: "environment", settings: variables(env) };
        let said = |key: &str| {
            let all = layers.iter().chain([&environment]);
            all.flat_map(|layer| layer.last(key)).next().filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let service = said("service").map(|name| service::load(&name, said("servicefile").as_deref(), env));
        if let Some(settings) = service.transpose()? {
            layers.push(Layer { origin: "service file", settings });
        }
        layers.push(environment);
        Ok(Self(layers))
    }

    /// What the strongest layer says about `key`, and which it is.
    fn find(&self, key: &str) -> Option<(&str, &'static str)> {
        self.0.iter().find_map(|layer| layer.last(key).map(|value| (value, layer.origin)))
    }

    /// The value, empty if nobody says anything.
    fn get(&self, key: &str) -> &str {
        self.find(key).map_or("", |(value, _)| value)
    }

    fn nonempty(&self, key: &str) -> Option<&str> {
        self.find(key).map(|(value, _)| value).filter(|value| !value.is_empty())
    }

    fn choose<T: Copy>(
        &self,
        key: &'static str,
        default: T,
        allowed: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, OptionError> {
        let Some(value) = self.nonempty(key) else { return Ok(default) };
        choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| OptionError::Value {
            key,
            value: value.to_owned(),
            allowed,
        })
    }

    fn integer(&self, key: &'static str) -> Result<Option<i32>, OptionError> {
        let Some(value) = self.nonempty(key) else { return Ok(None) };
        let parsed = value.trim().parse().map(Some);
        parsed.map_err(|_| OptionError::Value { key, value: value.to_owned(), allowed: "the integers" })
    }

    /// Refuses what would silently lose its meaning.
    fn check_uses(&self) -> Result<(), OptionError> {
        for keyword in keywords::KEYWORDS {
            if let Use::Refused(harmless, why) = keyword.use_
                && let Some((value, origin)) = self.find(keyword.name)
                && !value.is_empty()
                && !harmless.contains(&value)
            {
                return Err(OptionError::Refused { key: keyword.name, origin, why });
            }
        }
        Ok(())
    }
}

impl Layer {
    fn last(&self, key: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

/// `DATABASE_URL`, unless anything says where to connect.
fn database_url<'a>(args: &ConnectArgs, env: &'a Environment) -> Option<&'a str> {
    let placed = args.host.is_some()
        || ["PGDATABASE", "PGHOST", "PGHOSTADDR", "PGSERVICE"].iter().any(|name| env.var(name).is_some());
    if placed { None } else { env.var("DATABASE_URL") }
}

fn parse_string(text: &str, origin: &'static str) -> Result<Option<Vec<(&'static str, String)>>, OptionError> {
    let parsed = match uri::shape(text) {
        Shape::Uri(rest) => uri::parse(rest),
        Shape::Conninfo => conninfo::parse(text),
        Shape::Foreign(scheme) => Err(SyntaxError::Scheme(scheme.to_owned())),
        Shape::Name => return Ok(None),
    };
    parsed.map(Some).map_err(|cause| OptionError::Syntax { origin, cause })
}

fn contradictions(explicit: &Layer, string: &Layer) -> Result<(), OptionError> {
    for (key, value) in &explicit.settings {
        if string.last(key).is_some_and(|other| other != value) {
            return Err(OptionError::Contradiction(key));
        }
    }
    // An argument for the host and an address in the string (or the reverse) would mix two servers.
    if explicit.last("host").is_some() && string.last("hostaddr").is_some() && string.last("host").is_none() {
        return Err(OptionError::Contradiction("host"));
    }
    Ok(())
}

fn variables(env: &Environment) -> Vec<(&'static str, String)> {
    let mut found: Vec<_> = keywords::KEYWORDS
        .iter()
        .filter_map(|keyword| Some((keyword.name, env.var(keyword.variable?)?.to_owned())))
        .collect();
    // Obsolete spelling that libpq still honours.
    if env.var("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) && env.var("PGSSLMODE").is_none() {
        found.push(("sslmode", "require".to_owned()));
    }
    found
}

fn passwords(args: &ConnectArgs, layers: &Layers, env: &Environment, warnings: &mut Vec<String>) -> Passwords {
    let explicit = args.password.clone().or_else(|| layers.nonempty("password").map(Into::into));
    let path = match layers.nonempty("passfile") {
        Some(path) => Some(PathBuf::from(path)),
        None => env.home.as_ref().map(|home| home.join(".pgpass")),
    };
    let file = match path.map(|path| PassFile::load(&path)) {
        _ if explicit.is_some() => PassFile::default(),
        Some(Ok(file)) => file,
        Some(Err(warning)) => {
            warnings.push(warning);
            PassFile::default()
        }
        None => PassFile::default(),
    };
    let prompt = args.prompt.clone().filter(|_| !args.never_prompt);
    Passwords { explicit, file, prompt, ..Passwords::default() }
}

fn connect_timeout(layers: &Layers) -> Result<Option<Duration>, OptionError> {
    Ok(match layers.integer("connect_timeout")? {
        None => Some(CONNECT_TIMEOUT),
        Some(seconds) => u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs),
    })
}

fn tcp(layers: &Layers) -> Result<TcpSettings, OptionError> {
    let positive = |key, default: u64| -> Result<u64, OptionError> {
        Ok(layers.integer(key)?.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(default))
    };
    let on = layers.integer("keepalives")?.is_none_or(|value| value != 0);
    let idle = positive("keepalives_idle", KEEPALIVE.0)?;
    let interval = positive("keepalives_interval", KEEPALIVE.1)?;
    let count = positive("keepalives_count", u64::from(KEEPALIVE.2))?;
    let count = u32::try_from(count).unwrap_or(KEEPALIVE.2);
    let user_timeout = positive("tcp_user_timeout", 0)?;
    Ok(TcpSettings {
        keepalive: on.then_some((idle, interval, count)),
        user_timeout: (user_timeout > 0).then(|| Duration::from_millis(user_timeout)),
    })
}

fn attributes(layers: &Layers) -> Result<Attributes, OptionError> {
    layers.choose(
        "target_session_attrs",
        Attributes::Any,
        "any, read-write, read-only, primary, standby, prefer-standby",
        &[
            ("any", Attributes::Any),
            ("read-write", Attributes::ReadWrite),
            ("read-only", Attributes::ReadOnly),
            ("primary", Attributes::Primary),
            ("standby", Attributes::Standby),
            ("prefer-standby", Attributes::PreferStandby),
        ],
    )
}

fn require_auth(text: &str) -> Result<RequireAuth, OptionError> {
    const ALLOWED: &str = "password, md5, gss, sspi, scram-sha-256, creds, oauth, none, or all with \"!\" before them";
    let fail = || OptionError::Value { key: "require_auth", value: text.to_owned(), allowed: ALLOWED };
    let mut methods = Vec::new();
    let mut signs = Vec::new();
    for item in text.split(',').map(str::trim) {
        let (name, negated) = item.strip_prefix('!').map_or((item, false), |name| (name, true));
        signs.push(negated);
        methods.push(match name {
            "password" => Method::Password,
            "md5" => Method::Md5,
            "scram-sha-256" => Method::Scram,
            "none" => Method::None,
            "gss" | "sspi" | "creds" | "oauth" => Method::Other,
            _ => return Err(fail()),
        });
    }
    let negated = signs[0];
    if signs.iter().any(|sign| *sign != negated) {
        return Err(fail());
    }
    Ok(RequireAuth { methods, negated, text: text.to_owned() })
}

fn ssl_mode(layers: &Layers, default: SslMode) -> Result<SslMode, OptionError> {
    layers.choose(
        "sslmode",
        default,
        "disable, allow, prefer, require, verify-ca, verify-full",
        &[
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ],
    )
}

fn tls(layers: &Layers, env: &Environment) -> Result<TlsSettings, OptionError> {
    let at_home = |name: &str| env.home.as_ref().map(|home| home.join(".postgresql").join(name));
    let credential = |key: &str, name: &str| match layers.nonempty(key) {
        Some(path) => Credential::File(path.into()),
        None => Credential::Default(at_home(name)),
    };
    let roots = match layers.nonempty("sslrootcert") {
        Some("system") => Roots::System,
        Some(path) => Roots::File(path.into()),
        None => Roots::Default(at_home("root.crt")),
    };
    let system = roots == Roots::System;
    let mode = ssl_mode(layers, if system { SslMode::VerifyFull } else { SslMode::Prefer })?;
    if system && mode != SslMode::VerifyFull {
        return Err(OptionError::Combination(
            "sslrootcert=system needs sslmode=verify-full: a weaker mode proves nothing",
        ));
    }
    let negotiation = [("postgres", false), ("direct", true)];
    let direct = layers.choose("sslnegotiation", false, "postgres, direct", &negotiation)?;
    if direct && mode < SslMode::Require {
        return Err(OptionError::Combination("sslnegotiation=direct needs sslmode=require or stronger"));
    }
    let (tls12, tls13) = versions(layers)?;
    Ok(TlsSettings {
        mode,
        direct,
        roots,
        certificate: credential("sslcert", "postgresql.crt"),
        key: credential("sslkey", "postgresql.key"),
        certificate_use: layers.choose(
            "sslcertmode",
            Wish::Prefer,
            "disable, allow, require",
            &[("disable", Wish::Disable), ("allow", Wish::Prefer), ("require", Wish::Require)],
        )?,
        sni: layers.choose("sslsni", true, "0, 1", &[("0", false), ("1", true)])?,
        tls12,
        tls13,
        built: Arc::new(OnceLock::new()),
    })
}

/// Whether TLS 1.2 and 1.3 lie between the bounds. Older versions are never spoken, as lower bounds they are harmless.
fn versions(layers: &Layers) -> Result<(bool, bool), OptionError> {
    const NAMES: &[(&str, u8)] = &[("TLSv1", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)];
    const ALLOWED: &str = "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3";
    let low = layers.choose("ssl_min_protocol_version", 12, ALLOWED, NAMES)?;
    let high = layers.choose("ssl_max_protocol_version", 13, ALLOWED, NAMES)?;
    let spoken = (low <= 12 && high >= 12, low <= 13 && high >= 13);
    if spoken == (false, false) {
        return Err(OptionError::Combination("no TLS version from 1.2 to 1.3 lies within the protocol version bounds"));
    }
    Ok(spoken)
}
