//! Errors as the server reports them, reduced to what may be shown.
//!
//! A server quotes rows in several places: DETAIL ("Failing row contains …", "Key (email)=(…) already exists"),
//! CONTEXT ("COPY t, line 3, column c: …") and, for data exceptions, the primary message itself ("invalid input
//! syntax for type integer: …"). Those are dropped while the message is parsed, so that nothing later can show them;
//! the line number stays.

use std::fmt;

/// An error the server reported (manual: "Error and Notice Message Fields"). `Display` gives what goes beside the
/// primary message: SQLSTATE, place, detail if it is harmless.
#[derive(Clone, Default)]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    pub severity: String,
    /// SQLSTATE (manual: "PostgreSQL Error Codes").
    pub code: String,
    /// Primary message; quoted values of data exceptions stand as "…".
    pub message: String,
    /// DETAIL, only of errors that are not about data.
    pub detail: Option<String>,
    /// HINT, only of errors that are not about data.
    pub hint: Option<String>,
    /// CONTEXT, only of errors that are not about data.
    pub where_: Option<String>,
    /// Schema the error is about.
    pub schema: Option<String>,
    /// Table the error is about.
    pub table: Option<String>,
    /// Column the error is about.
    pub column: Option<String>,
    /// Constraint the error is about.
    pub constraint: Option<String>,
    /// Line of the COPY input the error is about, from 1.
    pub copy_line: Option<u64>,
}

/// SQLSTATE classes whose texts never quote rows: connection, features, authorisation, dependencies, catalog,
/// transaction, syntax and access, resources, state, intervention, system.
const HARMLESS: [&str; 14] = ["08", "0A", "0L", "0P", "25", "28", "2B", "3D", "3F", "40", "53", "54", "57", "58"];

impl ServerError {
    /// Parses the fields of an ErrorResponse or NoticeResponse: a type byte and a string, ended by a zero byte.
    pub(super) fn parse(mut body: &[u8]) -> Self {
        let mut found = Self::default();
        let mut translated = None;
        while let Some((&field, rest)) = body.split_first() {
            let Some(end) = memchr::memchr(0, rest).filter(|_| field != 0) else { break };
            let value = String::from_utf8_lossy(&rest[..end]).into_owned();
            body = &rest[end + 1..];
            match field {
                b'V' => found.severity = value,
                b'S' => translated = Some(value),
                b'C' => found.code = value,
                b'M' => found.message = value,
                b'D' => found.detail = Some(value),
                b'H' => found.hint = Some(value),
                b'W' => found.where_ = Some(value),
                b's' => found.schema = Some(value),
                b't' => found.table = Some(value),
                b'c' => found.column = Some(value),
                b'n' => found.constraint = Some(value),
                _ => {}
            }
        }
        if found.severity.is_empty() {
            found.severity = translated.unwrap_or_default();
        }
        found.reduced()
    }

    /// The same from tokio-postgres' parts.
    pub(super) fn from_db(error: &tokio_postgres::error::DbError) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: own(error.detail()),
            hint: own(error.hint()),
            where_: own(error.where_()),
            schema: own(error.schema()),
            table: own(error.table()),
            column: own(error.column()),
            constraint: own(error.constraint()),
            copy_line: None,
        }
        .reduced()
    }

    /// Drops what may quote a row.
    fn reduced(mut self) -> Self {
        self.copy_line = self.where_.as_deref().and_then(copy_line);
        if !HARMLESS.contains(&self.class()) && self.class() != "42" {
            self.detail = None;
            self.hint = None;
            self.where_ = None;
        }
        if self.copy_line.is_some() || self.where_.as_deref().is_some_and(|text| text.contains("COPY ")) {
            self.where_ = None;
        }
        if self.class() == "22" {
            self.message = without_values(&self.message);
        }
        self
    }

    /// First two characters of the SQLSTATE.
    fn class(&self) -> &str {
        self.code.get(..2).unwrap_or("")
    }
}

/// Words before which a quoted text is a name, not a value.
const NAMED: [&str; 13] = [
    "column",
    "encoding",
    "type",
    "domain",
    "table",
    "relation",
    "constraint",
    "parameter",
    "function",
    "sequence",
    "function)",
    "schema",
    "enum",
];

/// Replaces quoted values in a data exception's message. Everything after the first value goes, too: values may
/// contain quotes themselves.
fn without_values(message: &str) -> String {
    let mut kept = 0;
    let mut rest = message;
    while let Some(open) = rest.find('"') {
        let word = rest[..open].split_whitespace().next_back().unwrap_or("");
        let close = rest[open + 1..].find('"').map(|at| open + 1 + at);
        match close {
            Some(close) if NAMED.contains(&word) => {
                kept += close + 1;
                rest = &message[kept..];
            }
            _ => return format!("{}…", &message[..kept + open]),
        }
    }
    message.to_owned()
}

/// The line number in a context such as `COPY t, line 3, column c: "x"`. Table names may hold anything, so the
/// search starts at the last fitting place before a colon or the end.
fn copy_line(context: &str) -> Option<u64> {
    let line = context.lines().find(|line| line.starts_with("COPY "))?;
    let (_, after) = line.split_once(", line ")?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).map_or(after, |end| &after[..end]);
    digits.parse().ok()
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with SQLSTATE {}", self.severity.to_lowercase(), self.code)?;
        match (&self.schema, &self.table) {
            (Some(schema), Some(table)) => write!(f, ", table {schema}.{table}")?,
            (None, Some(table)) => write!(f, ", table {table}")?,
            _ => {}
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(constraint) = &self.constraint {
            write!(f, ", constraint {constraint}")?;
        }
        if let Some(line) = self.copy_line {
            write!(f, ", line {line} of the copy")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "; {}", detail.trim_end_matches('.'))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError({:?}, {self})", self.message)
    }
}

impl std::error::Error for ServerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(fields: &[(u8, &str)]) -> ServerError {
        let mut body = Vec::new();
        for (field, value) in fields {
            body.push(*field);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        ServerError::parse(&body)
    }

    #[test]
    fn fields_and_places() {
        let found = error(&[
            (b'S', "FEHLER"),
            (b'V', "ERROR"),
            (b'C', "23505"),
            (b'M', "duplicate key value violates unique constraint \"t_pkey\""),
            (b'D', "Key (email)=(jane@example.org) already exists."),
            (b'W', "COPY t, line 17"),
            (b's', "public"),
            (b't', "t"),
            (b'n', "t_pkey"),
        ]);
        assert_eq!(
            found.to_string(),
            "error with SQLSTATE 23505, table public.t, constraint t_pkey, line 17 of the copy"
        );
        assert!(found.message.ends_with("\"t_pkey\""));
        assert!(!format!("{found:?}{found}").contains("jane"));
        assert!(found.detail.is_none() && found.where_.is_none());
    }

    #[test]
    fn values_in_data_exceptions_are_dropped() {
        for (message, shown) in [
            ("invalid input syntax for type integer: \"secret\"", "invalid input syntax for type integer: …"),
            ("value \"secret\" is out of range for type integer", "value …"),
            ("missing data for column \"b\"", "missing data for column \"b\""),
            ("invalid byte sequence for encoding \"UTF8\": 0xff", "invalid byte sequence for encoding \"UTF8\": 0xff"),
            ("x for column \"b\": \"secret \" column \"secret\"", "x for column \"b\": …"),
            ("odd \"secret", "odd …"),
        ] {
            let found = error(&[(b'C', "22P02"), (b'M', message), (b'W', "COPY t, line 2, column a: \"secret\"")]);
            assert_eq!(found.message, shown);
            assert_eq!(found.copy_line, Some(2));
            assert!(!format!("{found:?}").contains("secret"));
        }
    }

    #[test]
    fn harmless_details_stay() {
        let found = error(&[
            (b'V', "ERROR"),
            (b'C', "2BP01"),
            (b'M', "cannot drop table t because other objects depend on it"),
            (b'D', "view v depends on table t."),
        ]);
        assert_eq!(found.to_string(), "error with SQLSTATE 2BP01; view v depends on table t");
    }

    #[test]
    fn broken_bodies_do_not_matter() {
        for body in [&b""[..], b"\0", b"M", b"Mabc", b"Mabc\0C", &[0xff, 0xff, 0, 0]] {
            let _ = ServerError::parse(body);
        }
    }
}
