//! The attempts that make a connection: hosts in order, their addresses, the encryption choices of `sslmode`, the
//! session attributes that are asked for.
//!
//! As in libpq the next host is tried when one cannot be reached or is not what was asked for, never when it refuses
//! a login: credentials are not offered around.

use std::time::Duration;

use secrecy::SecretString;

use super::Role;
use super::error::Fault;
use super::explain::connecting;
use super::hosts::{Address, Host, shuffle};
use super::login::Login;
use super::options::{Attributes, ConnectOptions, SslMode};
use super::stream::Stream;
use super::tls::{self, Negotiated};
use super::wire::Wire;
use crate::error::{Error, Result};
use crate::ids::ServerVersion;

/// A connection and how it came about.
pub(super) struct Opened {
    pub wire: Wire,
    pub host: Host,
    pub address: Address,
    pub version: ServerVersion,
}

/// Where it failed, and why.
type Failed = (String, Fault);

/// Connects and logs in; asks for a password if the server wants one and none is known.
pub(super) async fn open(options: &ConnectOptions, role: Role) -> Result<Opened> {
    let typed = options.passwords.typed.lock().await.clone();
    let done = match hunt(options, typed.as_ref()).await {
        Err((place, Fault::PasswordNeeded)) if options.passwords.prompt.is_some() => asking(options, place).await,
        done => done,
    };
    done.map_err(|failed| explain(options, role, failed))
}

/// As [`hunt`], with a password from the user. Others that need one meanwhile wait, and use what was typed.
async fn asking(options: &ConnectOptions, place: String) -> Result<Opened, Failed> {
    let mut typed = options.passwords.typed.lock().await;
    if let Some(password) = typed.as_ref() {
        return hunt(options, Some(password)).await;
    }
    let password = match ask(options, &place) {
        Ok(password) => password,
        Err(fault) => return Err((place, fault)),
    };
    let opened = hunt(options, Some(&password)).await?;
    *typed = Some(password);
    Ok(opened)
}

fn explain(options: &ConnectOptions, role: Role, (place, fault): Failed) -> Error {
    connecting(role, &place, options.warnings(), fault)
}

/// Asks the user. This blocks the thread like any terminal dialogue; nothing else runs before the first connection.
fn ask(options: &ConnectOptions, place: &str) -> Result<SecretString, Fault> {
    let Some(prompt) = &options.passwords.prompt else { return Err(Fault::PasswordNeeded) };
    prompt.ask(&format!("Password for user {} at {place}: ", options.user)).map_err(Fault::Prompt)
}

async fn hunt(options: &ConnectOptions, typed: Option<&SecretString>) -> Result<Opened, Failed> {
    let passes: &[Attributes] = match options.attributes {
        Attributes::PreferStandby => &[Attributes::Standby, Attributes::Any],
        Attributes::Any => &[Attributes::Any],
        Attributes::ReadWrite => &[Attributes::ReadWrite],
        Attributes::ReadOnly => &[Attributes::ReadOnly],
        Attributes::Primary => &[Attributes::Primary],
        Attributes::Standby => &[Attributes::Standby],
    };
    let mut hosts = options.hosts.clone();
    if options.balance {
        shuffle(&mut hosts);
    }
    let mut failed: Vec<Failed> = Vec::new();
    for wanted in passes {
        for host in &hosts {
            let attempt = Attempt { options, host, typed, wanted: *wanted };
            match attempt.any_address().await {
                Ok(opened) => return Ok(opened),
                Err(fault) if tries_next(&fault) => failed.push((host.to_string(), fault)),
                Err(fault) => return Err((host.to_string(), fault)),
            }
        }
    }
    let reasons: Vec<String> = failed.iter().map(|(place, fault)| format!("{place}: {}", reason(fault))).collect();
    match failed.pop() {
        Some((_, fault)) if hosts.len() > 1 => Err((options.hosts(), Fault::Hosts(reasons, Box::new(fault)))),
        Some(failed) => Err(failed),
        None => Err((options.hosts(), Fault::Closed)),
    }
}

fn reason(fault: &Fault) -> String {
    match fault {
        Fault::Server(error) => error.message.clone(),
        other => other.to_string(),
    }
}

/// Whether another host may do better.
fn tries_next(fault: &Fault) -> bool {
    match fault {
        Fault::Lookup(..)
        | Fault::NoSocket { .. }
        | Fault::Connect(_)
        | Fault::Io(_)
        | Fault::Timeout(_)
        | Fault::Closed
        | Fault::Attributes(_) => true,
        // 57P03: starting up, shutting down, or a standby that accepts nobody yet.
        Fault::Server(error) => error.code == "57P03",
        _ => false,
    }
}

/// Everything one host's attempts share.
struct Attempt<'a> {
    options: &'a ConnectOptions,
    host: &'a Host,
    typed: Option<&'a SecretString>,
    wanted: Attributes,
}

impl Attempt<'_> {
    async fn any_address(&self) -> Result<Opened, Fault> {
        let mut addresses = limited(self.options.connect_timeout, self.host.addresses()).await?;
        if self.options.balance {
            shuffle(&mut addresses);
        }
        let mut last = Fault::Closed;
        for address in addresses {
            match limited(self.options.connect_timeout, self.address(&address)).await {
                Ok((wire, version)) => return Ok(Opened { wire, host: self.host.clone(), address, version }),
                Err(fault) if tries_next(&fault) => last = fault,
                Err(fault) => return Err(fault),
            }
        }
        Err(last)
    }

    async fn address(&self, address: &Address) -> Result<(Wire, ServerVersion), Fault> {
        let mut wire = self.encrypted(address).await?;
        let version = match wire.parameters.get("server_version").and_then(|text| parse_version(text)) {
            Some(version) => version,
            None => asked_version(&mut wire).await?,
        };
        fits(&mut wire, version, self.wanted).await?;
        Ok((wire, version))
    }

    /// The encryption choices of `sslmode`, in its order.
    async fn encrypted(&self, address: &Address) -> Result<Wire, Fault> {
        if self.host.is_socket() {
            return self.plain(address).await;
        }
        match self.options.tls.mode {
            SslMode::Disable => self.plain(address).await,
            SslMode::Allow => match self.plain(address).await {
                Err(fault) if is_refusal(&fault) => self.tls(address, false).await,
                settled => settled,
            },
            SslMode::Prefer => match self.tls(address, true).await {
                // A login refused for its password is final: it is not repeated in the open.
                Err(fault) if tls::is_tls_fault(&fault) || is_refusal(&fault) => {
                    self.plain(address).await.map_err(|_| fault)
                }
                settled => settled,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => self.tls(address, false).await,
        }
    }

    async fn plain(&self, address: &Address) -> Result<Wire, Fault> {
        let stream = Stream::open(address, self.options.tcp).await?;
        self.login(stream, None).await
    }

    async fn tls(&self, address: &Address, or_plain: bool) -> Result<Wire, Fault> {
        let Stream::Tcp(tcp) = Stream::open(address, self.options.tcp).await? else {
            return Err(Fault::TlsNotOffered);
        };
        match tls::negotiate(tcp, self.host, &self.options.tls).await? {
            Negotiated::Tls(stream, binding) => self.login(stream, binding).await,
            Negotiated::Declined(stream) if or_plain => self.login(stream, None).await,
            Negotiated::Declined(_) => Err(Fault::TlsNotOffered),
        }
    }

    async fn login(&self, stream: Stream, binding: Option<Vec<u8>>) -> Result<Wire, Fault> {
        Login { options: self.options, host: self.host, typed: self.typed, binding }.run(stream).await
    }
}

/// pg_hba.conf has no line for this kind of connection.
fn is_refusal(fault: &Fault) -> bool {
    matches!(fault, Fault::Server(error) if error.code == "28000")
}

async fn limited<T>(limit: Option<Duration>, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match limit {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Fault::Timeout(limit.as_secs()))),
    }
}

/// Whether the server is what `target_session_attrs` asks for. Servers since 14 tell without being asked.
async fn fits(wire: &mut Wire, version: ServerVersion, wanted: Attributes) -> Result<(), Fault> {
    let told = |wire: &Wire, name: &str| wire.parameters.get(name).map(|value| value == "on");
    let standby = match (told(wire, "in_hot_standby"), wanted) {
        (_, Attributes::Any) => return Ok(()),
        (Some(standby), _) => standby,
        (None, _) => truth(wire, "SELECT pg_catalog.pg_is_in_recovery()").await?,
    };
    let read_only = match (told(wire, "default_transaction_read_only"), wanted) {
        (_, Attributes::Primary | Attributes::Standby) => standby,
        (Some(read_only), _) if version >= ServerVersion::from_major(14) => read_only || standby,
        _ => truth(wire, "SHOW transaction_read_only").await?,
    };
    match wanted {
        Attributes::ReadWrite if read_only => Err(Fault::Attributes("read-only, not read-write")),
        Attributes::ReadOnly if !read_only => Err(Fault::Attributes("read-write, not read-only")),
        Attributes::Primary if standby => Err(Fault::Attributes("a standby, not a primary")),
        Attributes::Standby if !standby => Err(Fault::Attributes("a primary, not a standby")),
        _ => Ok(()),
    }
}

async fn single(wire: &mut Wire, sql: &str) -> Result<String, Fault> {
    let rows = wire.simple(sql).await?;
    let value = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    value.ok_or(Fault::Protocol("no row where one was due"))
}

async fn truth(wire: &mut Wire, sql: &str) -> Result<bool, Fault> {
    Ok(matches!(single(wire, sql).await?.as_str(), "on" | "t"))
}

async fn asked_version(wire: &mut Wire) -> Result<ServerVersion, Fault> {
    let text = single(wire, "SHOW server_version_num").await?;
    text.parse().map(ServerVersion).map_err(|_| Fault::Protocol("no server version"))
}

/// `18.1 (Debian …)`, `17beta2`, `9.6.24` to the number `server_version_num` gives.
fn parse_version(text: &str) -> Option<ServerVersion> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.split('.');
    let major: u32 = parts.next()?.parse().ok()?;
    let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let number = if major >= 10 {
        major.checked_mul(10_000)?.checked_add(next())?
    } else {
        major * 10_000 + next().checked_mul(100)? + next()
    };
    (major > 0).then_some(ServerVersion(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, number) in [
            ("18.1 (Debian 18.1-1.pgdg12+2)", 180_001),
            ("17beta2", 170_000),
            ("16devel", 160_000),
            ("9.6.24", 90_624),
            ("15.20", 150_020),
        ] {
            assert_eq!(parse_version(text), Some(ServerVersion(number)), "{text}");
        }
        for text in ["", "x", "0", "99999999999"] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }
}
