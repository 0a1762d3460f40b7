//! What our sessions on a target set, and why.
//!
//! Names in stored statements are qualified, so `search_path` is empty. Rows are read as they were written: styles are the
//! ones dumps use. Nothing may end a long build but us. Commits need not wait for the disk: each is atomic, they reach the
//! disk in order, and the last one is waited for (see [`super::progress::end`]).
//! Manual: "Client Connection Defaults", "Asynchronous Commit".

use crate::catalog::features::{Feature, Features};
use crate::ids::ServerVersion;
use crate::source::settings::{ROW_STYLE, TIMEOUTS};
use crate::sql;

/// Memory all index builds of a run together may use, kilobytes, or as much as `shared_buffers` where that is more: the one
/// thing a server says of its memory, a quarter of it by custom. Each lane gets its share, within the two bounds below. A
/// table that fits is sorted without going to disk, for less processor time too.
const MAINTENANCE_TOTAL_KB: u64 = 1 << 20;

/// No lane raises `maintenance_work_mem` above this; with more, sorts outgrow every cache and gain nothing.
const MAINTENANCE_MOST_KB: u64 = 1 << 20;

/// Below the server's own default there is nothing to gain.
const MAINTENANCE_LEAST_KB: u64 = 64 << 10;

/// Milliseconds a statement waits for autovacuum before the server sends that away. An autovacuum worker gives way to whoever it
/// blocks, but only when `deadlock_timeout` has passed, a second by default; and freshly loaded tables are just what it looks for,
/// so that every index and key may pay that second.
const AUTOVACUUM_GIVES_WAY: u64 = 20;

/// Who writes, and how.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// `SET ROLE`.
    pub role: Option<String>,
    /// Triggers and rules do not fire (`session_replication_role = replica`).
    pub triggers_off: bool,
    /// Connections that work side by side.
    pub lanes: usize,
}

/// One string of statements for a session that writes.
pub fn writing(version: ServerVersion, how: &Writing) -> String {
    let mut sql = String::from("SET client_encoding = 'UTF8'; SET search_path = ''; SET row_security = off");
    sql.push_str("; SET check_function_bodies = off; SET xmloption = content; SET client_min_messages = warning");
    sql.push_str("; SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed'");
    sql.push_str("; SET default_tablespace = ''; SET default_table_access_method = heap; SET synchronous_commit = off");
    for (name, value) in ROW_STYLE {
        sql.push_str(&format!("; SET {name} = '{value}'"));
    }
    for (name, since) in TIMEOUTS {
        if version.major() >= *since {
            sql.push_str(&format!("; SET {name} = 0"));
        }
    }
    let lanes = how.lanes.max(1) as u64;
    // Raised, never lowered. pg_settings gives the value in kilobytes.
    sql.push_str(&format!(
        "; SELECT pg_catalog.set_config('maintenance_work_mem', greatest(setting::pg_catalog.int8, {MAINTENANCE_LEAST_KB}, \
         least({MAINTENANCE_MOST_KB}, greatest({MAINTENANCE_TOTAL_KB}, \
         pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) / 1024) / {lanes})) || 'kB', false) \
         FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'",
    ));
    sql.push_str(&format!("; {}", autovacuum_gives_way(version)));
    if how.triggers_off {
        sql.push_str("; SET session_replication_role = replica");
    }
    if let Some(role) = &how.role {
        sql.push_str(&format!("; SET ROLE {}", sql::quote_ident(role)));
    }
    sql
}

/// Lowers `deadlock_timeout` where the session may: it is for superusers, or whoever was granted it.
fn autovacuum_gives_way(version: ServerVersion) -> String {
    let may = match Features::of(version).has(Feature::ParameterPrivileges) {
        true => "pg_catalog.has_parameter_privilege(name, 'SET')",
        false => "pg_catalog.current_setting('is_superuser') = 'on'",
    };
    format!(
        "SELECT CASE WHEN {may} THEN pg_catalog.set_config(name, \
         least(setting::pg_catalog.int8, {AUTOVACUUM_GIVES_WAY})::pg_catalog.text, false) END \
         FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_the_version_has() {
        let old = writing(ServerVersion::from_major(14), &Writing::default());
        assert!(old.contains("idle_session_timeout") && !old.contains("transaction_timeout"));
        assert!(writing(ServerVersion::from_major(18), &Writing::default()).contains("SET transaction_timeout = 0"));
    }

    #[test]
    fn roles_are_quoted_and_set_last() {
        let how = Writing { role: Some("a; b".into()), triggers_off: true, lanes: 64 };
        let sql = writing(ServerVersion::from_major(18), &how);
        assert!(sql.ends_with(r#"SET session_replication_role = replica; SET ROLE "a; b""#), "{sql}");
        assert!(sql.contains("/ 1024) / 64)"), "{sql}");
    }
}
