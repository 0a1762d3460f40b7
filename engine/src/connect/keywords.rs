//! The connection parameters libpq knows, as a table: name, environment variable, and what becomes of each here
//! (manual: "Parameter Key Words", "Environment Variables").

/// What a parameter's value does here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Honoured.
    Honoured,
    /// Accepted without effect; the reason is for readers of this table.
    Ignored(&'static str),
    /// Refused unless it is one of these harmless values; the reason goes into the error.
    Refused(&'static [&'static str], &'static str),
}

/// One parameter.
#[derive(Debug)]
pub(super) struct Keyword {
    pub name: &'static str,
    pub variable: Option<&'static str>,
    pub use_: Use,
}

const fn honoured(name: &'static str, variable: &'static str) -> Keyword {
    Keyword { name, variable: Some(variable), use_: Use::Honoured }
}

const fn unnamed(name: &'static str) -> Keyword {
    Keyword { name, variable: None, use_: Use::Honoured }
}

const fn ignored(name: &'static str, variable: Option<&'static str>, why: &'static str) -> Keyword {
    Keyword { name, variable, use_: Use::Ignored(why) }
}

const fn refused(
    name: &'static str,
    variable: Option<&'static str>,
    but: &'static [&'static str],
    why: &'static str,
) -> Keyword {
    Keyword { name, variable, use_: Use::Refused(but, why) }
}

const NO_CRL: &str = "certificate revocation lists are not checked by this program";
const NO_OAUTH: &str = "OAuth logins are not supported";
const NO_SCRAM_KEYS: &str = "logins need the password itself";
const NO_GSS: &str = "only without effect: GSSAPI is not supported";
const OFF: &[&str] = &["0", "off", "false", "no"];

/// Every parameter of libpq 14 to 18.
pub(super) static KEYWORDS: &[Keyword] = &[
    honoured("host", "PGHOST"),
    honoured("hostaddr", "PGHOSTADDR"),
    honoured("port", "PGPORT"),
    honoured("dbname", "PGDATABASE"),
    honoured("user", "PGUSER"),
    honoured("password", "PGPASSWORD"),
    honoured("passfile", "PGPASSFILE"),
    honoured("service", "PGSERVICE"),
    honoured("servicefile", "PGSERVICEFILE"),
    honoured("connect_timeout", "PGCONNECT_TIMEOUT"),
    honoured("application_name", "PGAPPNAME"),
    unnamed("fallback_application_name"),
    honoured("options", "PGOPTIONS"),
    unnamed("keepalives"),
    unnamed("keepalives_idle"),
    unnamed("keepalives_interval"),
    unnamed("keepalives_count"),
    unnamed("tcp_user_timeout"),
    honoured("target_session_attrs", "PGTARGETSESSIONATTRS"),
    honoured("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    honoured("sslmode", "PGSSLMODE"),
    honoured("sslnegotiation", "PGSSLNEGOTIATION"),
    honoured("sslrootcert", "PGSSLROOTCERT"),
    honoured("sslcert", "PGSSLCERT"),
    honoured("sslkey", "PGSSLKEY"),
    honoured("sslcertmode", "PGSSLCERTMODE"),
    honoured("sslsni", "PGSSLSNI"),
    honoured("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    honoured("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    honoured("channel_binding", "PGCHANNELBINDING"),
    honoured("require_auth", "PGREQUIREAUTH"),
    refused("gssencmode", Some("PGGSSENCMODE"), &["disable", "prefer"], "GSSAPI encryption is not supported"),
    refused("sslcrl", Some("PGSSLCRL"), &[], NO_CRL),
    refused("sslcrldir", Some("PGSSLCRLDIR"), &[], NO_CRL),
    refused("requirepeer", Some("PGREQUIREPEER"), &[], "the server's operating system user is not checked"),
    refused("replication", None, OFF, "replication connections are not for dumps"),
    refused("sslkeylogfile", None, &[], "session keys are never written out"),
    refused("min_protocol_version", Some("PGMINPROTOCOLVERSION"), &["3.0"], "protocol 3.0 is spoken"),
    refused("scram_client_key", None, &[], NO_SCRAM_KEYS),
    refused("scram_server_key", None, &[], NO_SCRAM_KEYS),
    refused("oauth_issuer", None, &[], NO_OAUTH),
    refused("oauth_client_id", None, &[], NO_OAUTH),
    refused("oauth_client_secret", None, &[], NO_OAUTH),
    refused("oauth_scope", None, &[], NO_OAUTH),
    ignored("max_protocol_version", Some("PGMAXPROTOCOLVERSION"), "3.0 is always low enough"),
    ignored("client_encoding", Some("PGCLIENTENCODING"), "each connection asks for the encoding it reads"),
    ignored("sslcompression", Some("PGSSLCOMPRESSION"), "TLS compression is never used"),
    ignored("sslpassword", None, "an encrypted key is refused with its own message"),
    ignored("krbsrvname", Some("PGKRBSRVNAME"), NO_GSS),
    ignored("gsslib", Some("PGGSSLIB"), NO_GSS),
    ignored("gssdelegation", Some("PGGSSDELEGATION"), NO_GSS),
];

/// Looks a parameter up.
pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_unique() {
        for (i, a) in KEYWORDS.iter().enumerate() {
            for b in &KEYWORDS[i + 1..] {
                assert_ne!(a.name, b.name);
                assert!(a.variable.is_none() || a.variable != b.variable, "{}", a.name);
            }
        }
    }

    #[test]
    fn reasons_are_given() {
        for keyword in KEYWORDS {
            match keyword.use_ {
                Use::Honoured => {}
                Use::Ignored(why) | Use::Refused(_, why) => assert!(!why.is_empty(), "{}", keyword.name),
            }
        }
    }
}
