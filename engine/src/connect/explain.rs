//! Words for faults: what happened, whether it may pass, what to do.

use std::error::Error as StdError;
use std::io::ErrorKind;

use super::Role;
use super::error::Fault;
use super::server_error::ServerError;
use crate::Error;

/// SQLSTATEs (and classes, as two characters) after which the same request may succeed.
const PASSING: [&str; 10] = ["08", "40001", "40003", "40P01", "53300", "57P01", "57P02", "57P03", "57P05", "58030"];

/// Turns a failure of a query on a [`super::Session`] into an [`Error`]: classified, and without row values.
pub fn query_error(role: Role, error: tokio_postgres::Error) -> Error {
    running(role, query_fault(error))
}

/// What a tokio-postgres error means.
pub(super) fn query_fault(error: tokio_postgres::Error) -> Fault {
    if let Some(found) = error.as_db_error() {
        return Fault::Server(Box::new(ServerError::from_db(found)));
    }
    if error.is_closed() {
        return Fault::Closed;
    }
    let io = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(ErrorKind::UnexpectedEof) => Fault::Closed,
        Some(kind) if is_lost(kind) => Fault::Io(kind.into()),
        _ => Fault::Query(error),
    }
}

/// Words a failure of a running connection.
pub(super) fn running(role: Role, fault: Fault) -> Error {
    let what = match &fault {
        Fault::Server(error) => error.message.clone(),
        Fault::Closed | Fault::Io(_) => "the connection to the server was lost".to_owned(),
        Fault::Unusable => "the connection cannot be used any more".to_owned(),
        Fault::Query(_) => "a query failed on this side".to_owned(),
        _ => "the exchange with the server failed".to_owned(),
    };
    finish(Error::new(role.kind(), what), fault, None)
}

/// Words a failure to connect to `place` (`host:port`).
pub(super) fn connecting(role: Role, place: &str, warnings: &[String], fault: Fault) -> Error {
    let what = match &fault {
        Fault::Hosts(..) => format!("no host of {place} could be used"),
        Fault::Server(error) => format!("{place}: {}", error.message),
        Fault::Connect(error) => match error.kind() {
            ErrorKind::ConnectionRefused => format!("{place} refused the connection"),
            ErrorKind::NotFound => format!("{place}: there is no such server socket"),
            _ => format!("{place} could not be reached"),
        },
        Fault::Closed => format!("{place} closed the connection before answering"),
        Fault::Io(_) => format!("the connection to {place} was lost while logging in"),
        Fault::Timeout(seconds) => format!("{place} did not answer within {seconds} s"),
        Fault::Tls(_) => format!("the TLS handshake with {place} failed"),
        _ => format!("no connection to {place}"),
    };
    let password = matches!(&fault, Fault::PasswordNeeded)
        || fault.server().is_some_and(|error| matches!(error.code.as_str(), "28P01" | "28000"));
    let extra = warnings.iter().find(|_| password).map(String::as_str);
    finish(Error::new(role.kind(), what), fault, extra)
}

fn finish(error: Error, fault: Fault, extra: Option<&str>) -> Error {
    let passing = is_passing(&fault);
    let advice = advice(&fault);
    let error = match (advice, extra) {
        (Some(advice), Some(extra)) => error.hint(format!("{advice} Note: {extra}.")),
        (None, Some(extra)) => error.hint(format!("Note: {extra}.")),
        (Some(advice), None) => error.hint(advice),
        (None, None) => error,
    };
    let error = if passing { error.passing() } else { error };
    error.because(fault)
}

fn is_lost(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::NotConnected
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

fn is_passing(fault: &Fault) -> bool {
    match fault {
        Fault::Server(error) => {
            let code = error.code.as_str();
            code != "08P01" && PASSING.iter().any(|known| code == *known || code.get(..2) == Some(known))
        }
        Fault::Connect(error) => error.kind() == ErrorKind::ConnectionRefused || is_lost(error.kind()),
        Fault::Io(_) | Fault::Closed | Fault::Timeout(_) => true,
        Fault::Hosts(_, last) => is_passing(last),
        _ => false,
    }
}

fn advice(fault: &Fault) -> Option<String> {
    let text = match fault {
        Fault::Server(error) => return server_advice(error),
        Fault::Hosts(_, last) => return advice(last),
        Fault::Connect(error) => match error.kind() {
            ErrorKind::ConnectionRefused => {
                "Check that PostgreSQL runs there and that listen_addresses and the port are right."
            }
            ErrorKind::NotFound => "Check that PostgreSQL runs here, or name its host with -h.",
            ErrorKind::PermissionDenied => "The operating system denies access to the server's socket.",
            _ => "Check the host, the port, and the network or firewall between.",
        },
        Fault::Lookup(..) => "Check the host name's spelling and this machine's DNS.",
        Fault::NoSocket { .. } => "Name the server with -h (a host, or its socket directory) or -d.",
        Fault::Timeout(_) => "Check the host, the port and firewalls; connect_timeout sets the limit (0: none).",
        Fault::TlsNotOffered => "Use sslmode=prefer to go without TLS, or switch ssl on at the server.",
        Fault::Tls(error) => return tls_advice(error),
        Fault::NoRoots(_) => {
            "Name the CA's certificate with sslrootcert, or use sslrootcert=system for publicly signed servers."
        }
        Fault::PasswordNeeded => "Give it by PGPASSWORD, a password file (~/.pgpass), the connection string, or -W.",
        Fault::Binding(_) => "Use channel_binding=prefer if this server or a proxy in front of it cannot do it.",
        Fault::Protocol(_) => "Check that the host and port belong to a PostgreSQL server.",
        Fault::Attributes(_) => "target_session_attrs says which servers are acceptable.",
        Fault::Closed | Fault::Io(_) => "See the server's log: it may have been restarted or have run out of memory.",
        _ => return None,
    };
    Some(text.to_owned())
}

fn tls_advice(error: &std::io::Error) -> Option<String> {
    let cause = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let text = match cause {
        rustls::Error::InvalidCertificate(why) => certificate_advice(why),
        rustls::Error::AlertReceived(alert) => match alert {
            rustls::AlertDescription::CertificateRequired | rustls::AlertDescription::UnknownCA => {
                "The server wants a client certificate it trusts: see sslcert and sslkey."
            }
            rustls::AlertDescription::ProtocolVersion => "The server speaks neither TLS 1.2 nor 1.3.",
            _ => return None,
        },
        _ => return None,
    };
    Some(text.to_owned())
}

fn certificate_advice(why: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as E;
    match why {
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "The certificate is for another host name: connect by the name it carries, or use sslmode=verify-ca."
        }
        E::UnknownIssuer | E::BadSignature => {
            "The certificate was not issued by a CA in sslrootcert: name the right CA's certificate there."
        }
        E::Expired | E::ExpiredContext { .. } => "The server's certificate has expired: renew it on the server.",
        E::NotValidYet | E::NotValidYetContext { .. } => "Check this machine's clock and the certificate's dates.",
        _ => "The server's certificate cannot be used; sslmode=require would not verify it.",
    }
}

fn server_advice(error: &ServerError) -> Option<String> {
    let message = error.message.as_str();
    let text = match error.code.as_str() {
        "28P01" => "Check the role and its password (PGPASSWORD, password file, connection string, -W).",
        "28000" if message.contains("no encryption") => {
            "The server accepts this login only over TLS, or has no pg_hba.conf line for it: try sslmode=require."
        }
        "28000" if message.contains("pg_hba.conf") => {
            "Add a pg_hba.conf line for this role, database and client address on the server."
        }
        "28000" => "The server refuses this role: check its name, its LOGIN attribute and pg_hba.conf.",
        "3D000" => "Create the database, or name another with -d.",
        "53300" => "Use fewer lanes (-j), or raise max_connections or the role's connection limit.",
        "57P03" => "The server is starting, stopping or recovering: try again shortly.",
        "57P01" | "57P02" => "An administrator or a server restart ended the connection.",
        "08P01" if message.contains("startup parameter") => {
            "A connection pooler is in between: connect to the server itself, or add the parameter to its \
             ignore_startup_parameters."
        }
        "57014" if message.contains("statement timeout") => "Raise statement_timeout for this role or database.",
        "53100" => "The server's disk is full.",
        "53200" => "The server ran out of memory.",
        _ => return error.hint.clone(),
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::connect::{server_error, sqlstate};

    fn server(code: &str, message: &str) -> Fault {
        let error = ServerError { code: code.into(), message: message.into(), ..ServerError::default() };
        Fault::Server(Box::new(error))
    }

    #[test]
    fn codes_stay_reachable_and_pass_or_not() {
        for (code, passing) in [("57P01", true), ("08006", true), ("53300", true), ("28P01", false), ("42P01", false)] {
            let error = running(Role::Target, server(code, "m"));
            assert_eq!(sqlstate(&error), Some(code));
            assert_eq!(error.is_passing(), passing, "{code}");
            assert_eq!(error.kind(), Kind::Target);
            assert_eq!(error.what(), "m");
            assert!(server_error(&error.context("c")).is_some());
        }
        assert!(!running(Role::Source, server("08P01", "unsupported startup parameter: x")).is_passing());
    }

    #[test]
    fn an_ignored_password_file_is_mentioned_only_where_it_matters() {
        let warnings = ["password file x was ignored".to_owned()];
        let error = connecting(Role::Source, "h:1", &warnings, server("28P01", "password authentication failed"));
        assert!(error.advice().unwrap().contains("was ignored"));
        let error = connecting(Role::Source, "h:1", &warnings, server("3D000", "database \"x\" does not exist"));
        assert!(!error.advice().unwrap().contains("was ignored"));
        let error = connecting(Role::Source, "h:1", &[], Fault::Connect(ErrorKind::ConnectionRefused.into()));
        assert_eq!(error.what(), "h:1 refused the connection");
        assert!(error.is_passing());
    }
}
