//! What a server's refusal means, and what helps.

use crate::connect::ServerError;

/// Why a server refused something, without values of rows: messages of data errors quote them.
pub fn reason(server: &ServerError) -> String {
    match server.code.get(..2) {
        Some("22" | "23") => {
            let constraint = server.constraint.as_ref().map(|name| format!(" (constraint {name})"));
            let what = match server.code.as_str() {
                "23505" => "there are duplicate keys",
                "23503" => "rows refer to rows that do not exist",
                "23514" => "rows violate a check",
                "23502" => "a value is null where it must not be",
                _ => "the target refuses a value",
            };
            format!("{what}{} (SQLSTATE {})", constraint.unwrap_or_default(), server.code)
        }
        _ => format!("{} (SQLSTATE {})", server.message, server.code),
    }
}

/// Whether an error is the server's own trouble (no disk, no memory, shutting down, read-only) rather than a refusal of one
/// thing: then everything that follows would fail too.
pub fn ends_the_run(code: &str) -> bool {
    matches!(code.get(..2), Some("53" | "57" | "08")) || matches!(code, "58030" | "25006")
}

/// The beginning of a statement in one line, long enough to find it by.
pub(super) fn head(sql: &str) -> String {
    const LENGTH: usize = 120;
    let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{} …", words[..end].trim_end()),
        None => words,
    }
}

/// What to do about an error that ends the run.
pub fn advice(code: &str, class: &str) -> &'static str {
    known_remedy(code, class).unwrap_or(
        "Run the same command again to continue after mending the cause, or leave the entry out with -l and -L.",
    )
}

/// What to do about something that was lost on the way: the run goes on and is not there to be continued.
pub(super) fn remedy(code: &str, class: &str) -> &'static str {
    known_remedy(code, class)
        .unwrap_or("Mend the cause and run the statement by hand: `pgfreight schema` prints the whole of it.")
}

/// What helps, by SQLSTATE (manual: "PostgreSQL Error Codes").
fn known_remedy(code: &str, class: &str) -> Option<&'static str> {
    Some(match (code, class) {
        ("58P01" | "0A000" | "22023", "EXTENSION") => {
            "Install the extension on the target server (its packages, or the platform's list of extensions), or leave it \
             out with -l and -L."
        }
        ("22023", "SECURITY LABEL") => {
            "The target does not know the provider or refuses its label: load its library there \
             (shared_preload_libraries or session_preload_libraries), or use --no-security-labels."
        }
        ("0A000", "COLLATION") => {
            "The target is built without ICU: restore into a server that has it; what names the collation is lost too."
        }
        ("42704", "ACL" | "DEFAULT ACL" | "OWNER") => {
            "Create the role on the target, or use --no-owner and --no-privileges."
        }
        (_, "FUNCTION" | "PROCEDURE") if code.starts_with("42") && code != "42501" && code != "42723" => {
            "It does not compile on the target: give the target what it calls, or write it anew for the target's version."
        }
        ("42501", _) => "Restore as the owner or a superuser, or use --no-owner, --no-privileges or --role.",
        ("42P06" | "42P07" | "42710" | "42723", _) => "It exists already: use --clean, or leave it out with -l and -L.",
        ("42704" | "42883" | "42P01" | "3F000", _) => {
            "Something it needs is missing on the target: look for it among what was lost before, then run the statement by hand."
        }
        ("53100", _) => "The target's disk is full: make room and run the same command again to continue.",
        ("53200", _) => "The target is out of memory: lower --jobs or its maintenance_work_mem.",
        ("23503" | "23505" | "23514", _) => {
            "The rows in the dump do not satisfy it, so they did not in the source either: mend them there, or add it by hand."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_hold_no_row_values() {
        let server = ServerError {
            severity: "ERROR".into(),
            code: "22P02".into(),
            message: "invalid input syntax for type integer: \"secret\"".into(),
            detail: Some("secret".into()),
            hint: None,
            where_: Some("secret".into()),
            schema: None,
            table: None,
            column: None,
            constraint: None,
            copy_line: None,
        };
        assert!(!reason(&server).contains("secret"));
    }
}
