//! Connection URIs (manual: "Connection URIs"): `postgresql://user:password@host:port,host/database?key=value`.
//!
//! Every part may be missing, every part is percent-decoded, a bracketed host is an IPv6 address, a host that decodes
//! to a path is a socket directory. Query parameters come last and so win over the parts before them.

use super::conninfo::SyntaxError;
use super::keywords;

/// What a URI begins with.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// What `text` is.
pub(super) enum Shape<'a> {
    /// A URI; the rest stands after the scheme.
    Uri(&'a str),
    /// A `key=value` string.
    Conninfo,
    /// A database name.
    Name,
    /// A URI of something else.
    Foreign(&'a str),
}

/// Tells URIs, connection strings and names apart as libpq does.
pub(super) fn shape(text: &str) -> Shape<'_> {
    if let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return Shape::Uri(rest);
    }
    if let Some((scheme, _)) = text.split_once("://")
        && !scheme.is_empty()
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        return Shape::Foreign(scheme);
    }
    if text.contains('=') { Shape::Conninfo } else { Shape::Name }
}

/// Parses what follows the scheme.
pub(super) fn parse(rest: &str) -> Result<Vec<(&'static str, String)>, SyntaxError> {
    let mut settings = Vec::new();
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (authority, database) =
        before.split_once('/').map_or((before, None), |(authority, name)| (authority, Some(name)));
    let hosts = match authority.split_once('@') {
        Some((login, hosts)) => {
            parse_login(login, &mut settings)?;
            hosts
        }
        None => authority,
    };
    parse_hosts(hosts, &mut settings)?;
    if let Some(name) = database {
        push(&mut settings, "dbname", decode(name, "database name")?);
    }
    if let Some(query) = query {
        parse_query(query, &mut settings)?;
    }
    Ok(settings)
}

fn push(settings: &mut Vec<(&'static str, String)>, key: &'static str, value: String) {
    if !value.is_empty() {
        settings.push((key, value));
    }
}

fn parse_login(login: &str, settings: &mut Vec<(&'static str, String)>) -> Result<(), SyntaxError> {
    let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    push(settings, "user", decode(user, "user name")?);
    if let Some(password) = password {
        push(settings, "password", decode(password, "password")?);
    }
    Ok(())
}

/// Splits `host:port,[v6]:port,…` into libpq's two lists, which must keep equal lengths.
fn parse_hosts(text: &str, settings: &mut Vec<(&'static str, String)>) -> Result<(), SyntaxError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for item in text.split(',') {
        let (host, port) = if let Some(inner) = item.strip_prefix('[') {
            let (host, after) = inner.split_once(']').ok_or(SyntaxError::Bracket)?;
            if host.is_empty() {
                return Err(SyntaxError::Bracket);
            }
            match after.strip_prefix(':') {
                Some(port) => (host, port),
                None if after.is_empty() => (host, ""),
                None => return Err(SyntaxError::Bracket),
            }
        } else {
            item.split_once(':').unwrap_or((item, ""))
        };
        hosts.push(decode(host, "host")?);
        ports.push(decode(port, "port")?);
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        settings.push(("host", hosts.join(",")));
    } else if hosts.len() > 1 {
        settings.push(("host", ",".repeat(hosts.len() - 1)));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        settings.push(("port", ports.join(",")));
    }
    Ok(())
}

fn parse_query(query: &str, settings: &mut Vec<(&'static str, String)>) -> Result<(), SyntaxError> {
    if query.is_empty() {
        return Ok(());
    }
    for (i, item) in query.split('&').enumerate() {
        let (key, value) = item.split_once('=').ok_or(SyntaxError::Parameter(i + 1))?;
        if value.contains('=') {
            return Err(SyntaxError::Parameter(i + 1));
        }
        let key = decode(key, "query")?;
        let value = decode(value, "query")?;
        // JDBC's spelling, which libpq takes too.
        if key == "ssl" && value == "true" {
            settings.push(("sslmode", "require".to_owned()));
            continue;
        }
        let keyword = keywords::find(&key).ok_or(SyntaxError::Unknown(key))?;
        settings.push((keyword.name, value));
    }
    Ok(())
}

/// Percent-decodes; `%00` and bytes that are not UTF-8 are refused.
fn decode(text: &str, part: &'static str) -> Result<String, SyntaxError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = rest.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = digits
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .filter(|byte| *byte != 0)
            .ok_or(SyntaxError::Percent(part))?;
        bytes.push(byte);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| SyntaxError::Percent(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        let Shape::Uri(rest) = shape(text) else { panic!("not a URI: {text}") };
        match parse(rest) {
            Ok(settings) => settings.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" "),
            Err(error) => format!("! {error}"),
        }
    }

    /// Cases after libpq's own documented forms.
    #[test]
    fn accepted_forms() {
        for (text, expected) in [
            ("postgresql://", ""),
            ("postgres://", ""),
            ("postgresql:///", ""),
            ("postgresql://localhost", "host=localhost"),
            ("postgresql://localhost:5433", "host=localhost port=5433"),
            ("postgresql://localhost/mydb", "host=localhost dbname=mydb"),
            ("postgresql://user@localhost", "user=user host=localhost"),
            ("postgresql://user:secret@localhost", "user=user password=secret host=localhost"),
            ("postgresql://user:@localhost", "user=user host=localhost"),
            ("postgresql://:pw@h", "password=pw host=h"),
            ("postgresql://user@", "user=user"),
            ("postgresql://h1:123,h2:456/db", "host=h1,h2 port=123,456 dbname=db"),
            ("postgresql://h1,h2:456/db", "host=h1,h2 port=,456 dbname=db"),
            ("postgresql://[2001:db8::1234]/database", "host=2001:db8::1234 dbname=database"),
            ("postgresql://[::1]:5433,h:1", "host=::1,h port=5433,1"),
            ("postgresql://%2Fvar%2Flib%2Fpostgresql/dbname", "host=/var/lib/postgresql dbname=dbname"),
            ("postgresql:///dbname?host=/var/lib/postgresql", "dbname=dbname host=/var/lib/postgresql"),
            ("postgresql://:5433/x", "port=5433 dbname=x"),
            ("postgresql:///?user=a&password=b%26c", "user=a password=b&c"),
            ("postgresql://u%40x:p%2f%3a%25@h/d%20b", "user=u@x password=p/:% host=h dbname=d b"),
            ("postgresql://h/db?", "host=h dbname=db"),
            ("postgresql://h?application_name=", "host=h application_name="),
            ("postgresql://h/d?ssl=true", "host=h dbname=d sslmode=require"),
            ("postgresql://h/d%3Fx/y", "host=h dbname=d?x/y"),
            ("postgresql://,b", "host=,b"),
        ] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn refused_forms_name_the_part_and_no_value() {
        for (text, part) in [
            ("postgresql://h/?zzz=1", "\"zzz\""),
            ("postgresql://h/?ssl=1", "\"ssl\""),
            ("postgresql://h/?a=b=c", "parameter 1"),
            ("postgresql://h/?user=a&b", "parameter 2"),
            ("postgresql://h/%0", "database name"),
            ("postgresql://u:se%zzcret@h", "password"),
            ("postgresql://u:se%+1cret@h", "password"),
            ("postgresql://h/%00", "database name"),
            ("postgresql://%ff@h/", "user name"),
            ("postgresql://[::1", "bracket"),
            ("postgresql://[]", "bracket"),
            ("postgresql://[::1]x", "bracket"),
        ] {
            let said = one(text);
            assert!(said.starts_with('!') && said.contains(part), "{text}: {said}");
            assert!(!said.contains("cret"), "{said}");
        }
    }

    #[test]
    fn shapes() {
        assert!(matches!(shape("postgres://x"), Shape::Uri("x")));
        assert!(matches!(shape("host=a"), Shape::Conninfo));
        assert!(matches!(shape("password=a://b"), Shape::Conninfo));
        assert!(matches!(shape("shop"), Shape::Name));
        assert!(matches!(shape("mysql://x?a=b"), Shape::Foreign("mysql")));
        assert!(matches!(shape("postgresql+psycopg2://x"), Shape::Foreign("postgresql+psycopg2")));
    }
}
