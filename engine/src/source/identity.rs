//! Which server and database a connection has reached, whatever it was called on the way there.

use crate::connect::Lane;
use crate::error::{Error, Result};

/// What a database is recognised by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `pg_control_system().system_identifier`: the cluster's, made by initdb and kept by its physical copies; `None` where
    /// it may not be asked for.
    pub system: Option<String>,
    /// When the server was started, microseconds: no two servers share both.
    pub started: String,
    /// It is a standby.
    pub standby: bool,
    /// `pg_database.oid`.
    pub database: String,
}

impl Identity {
    /// Asks (manual: "Control Data Functions", "Session Information Functions").
    pub async fn read(lane: &mut Lane) -> Result<Self> {
        let asked = async {
            let may = "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')";
            let may = lane.execute(may).await?;
            let system = match first(may).as_deref() {
                Some("t") => first(lane.execute("SELECT system_identifier FROM pg_catalog.pg_control_system()").await?),
                _ => None,
            };
            let sql = "SELECT (pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8, \
                       pg_catalog.pg_is_in_recovery(), \
                       (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())";
            let row = lane.execute(sql).await?.into_iter().next().unwrap_or_default();
            let mut fields = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || fields.next().unwrap_or_default();
            Ok(Self { system, started: next(), standby: next() == "t", database: next() })
        };
        asked.await.map_err(|error: Error| error.context("asking which server this is"))
    }

    /// Whether both are one server, or one of them is a standby of the other.
    pub fn is_same_server(&self, other: &Self) -> bool {
        match (&self.system, &other.system) {
            (Some(one), Some(two)) => one == two && (self.started == other.started || self.standby || other.standby),
            _ => self.started == other.started,
        }
    }

    /// Whether both are one database.
    pub fn is_same_database(&self, other: &Self) -> bool {
        self.is_same_server(other) && self.database == other.database
    }
}

fn first(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(system: Option<&str>, started: &str, standby: bool, database: &str) -> Identity {
        Identity { system: system.map(str::to_owned), started: started.into(), standby, database: database.into() }
    }

    #[test]
    fn one_database_by_any_name() {
        let here = identity(Some("7"), "100", false, "5");
        assert!(here.is_same_database(&here.clone()));
        assert!(!here.is_same_database(&identity(Some("7"), "100", false, "6")), "another database there");
        assert!(here.is_same_server(&identity(Some("7"), "100", false, "6")));
        assert!(here.is_same_database(&identity(Some("7"), "200", true, "5")), "its standby");
        assert!(
            !here.is_same_database(&identity(Some("7"), "200", false, "5")),
            "a promoted clone is a server of its own"
        );
        assert!(!here.is_same_database(&identity(Some("8"), "100", false, "5")), "two servers started at once");
        assert!(here.is_same_database(&identity(None, "100", false, "5")), "the identifier may be unknown");
    }
}
