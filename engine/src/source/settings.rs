//! What our sessions on a source set, and why.
//!
//! Rows must come out the same whoever asks, wherever: time zone, number and date styles are pinned (promise 11).
//! Nothing may end a long copy but us: timeouts are off for our sessions only. Nothing may start in the middle of a
//! table: synchronized scans are off, or the same table would give other chunk bytes every night.
//! Manual: "Client Connection Defaults".

use crate::catalog::features::{Feature, Features};
use crate::connect::Lane;
use crate::ids::ServerVersion;

/// Settings that decide how rows and expressions are written; loads use the same ones to read them back.
pub const ROW_STYLE: &[(&str, &str)] = &[
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("xmlbinary", "base64"),
    ("standard_conforming_strings", "on"),
];

/// Where a database has no encoding its bytes may be no text: they pass unconverted. Binary rows follow `client_encoding`,
/// not the option of COPY.
pub const UNCONVERTED: &str = "SELECT pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) \
     WHERE pg_catalog.getdatabaseencoding() = 'SQL_ASCII'";

/// For questions about the catalogs: they are many and small, and starting helpers costs the server more than they save.
pub const ALONE: &str = "SET max_parallel_workers_per_gather = 0; SET jit = off";

/// What a session that is one of so many sets besides, where they keep every core of the server busy. Reads handed to the server's I/O workers
/// hide the time of a disk and cost the processor more than reads of one's own; with no core idle there is nothing to gain, and
/// files read in order are read ahead by the kernel. Manual: "Asynchronous Behavior".
pub fn on_busy_cores(lane: &Lane, lanes: usize) -> &'static str {
    let busy = lane.shared_cores().is_some_and(|cores| lanes >= cores);
    match busy && Features::of(lane.version()).has(Feature::IoWorkers) {
        true => "; SET effective_io_concurrency = 0",
        false => "",
    }
}

/// Timeouts with the first major that has them.
pub const TIMEOUTS: &[(&str, u32)] = &[
    ("statement_timeout", 9),
    ("lock_timeout", 9),
    ("idle_in_transaction_session_timeout", 9),
    ("idle_session_timeout", 14),
    ("transaction_timeout", 17),
];

/// One string of `SET` statements for a session that reads.
pub fn reading(version: ServerVersion, row_security: bool) -> String {
    let mut sql = String::from("SET client_encoding = 'UTF8'; SET search_path = ''; SET quote_all_identifiers = off");
    sql.push_str("; SET synchronize_seqscans = off");
    sql.push_str(if row_security { "; SET row_security = on" } else { "; SET row_security = off" });
    for (name, value) in ROW_STYLE {
        sql.push_str(&format!("; SET {name} = '{value}'"));
    }
    for (name, since) in TIMEOUTS {
        if version.major() >= *since {
            sql.push_str(&format!("; SET {name} = 0"));
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_the_version_has() {
        let old = reading(ServerVersion::from_major(13), false);
        assert!(!old.contains("idle_session_timeout") && !old.contains("transaction_timeout"));
        let new = reading(ServerVersion::from_major(18), false);
        assert!(new.contains("SET idle_session_timeout = 0") && new.contains("SET transaction_timeout = 0"));
        assert!(new.contains("row_security = off"));
    }
}
