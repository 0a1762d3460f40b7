//! What is refused before anything is written, and what is only said aloud. Pure decisions on facts.

use std::collections::BTreeSet;

use super::facts::TargetFacts;
use crate::catalog::features::{NEWEST_MAJOR, OLDEST_MAJOR};
use crate::error::{Error, Kind, Result};
use crate::ids::ServerVersion;

/// Names that may be protected: a database, `host`, `host:port`, `host:port/database`.
///
/// # Errors
/// `Kind::Target` if the target is one of them; nothing overrides that.
pub fn refuse_protected(place: &str, database: &str, protected: &BTreeSet<String>) -> Result<()> {
    let server = place.rsplit_once('/').map_or(place, |(server, _)| server);
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    match [database, host, server, place].into_iter().find(|name| protected.contains(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::new(Kind::Target, format!("the target {place} is protected (by {name})"))
            .hint("The configuration names it under restore.protected: no option overrides that.")),
    }
}

/// How much of what is in the target may be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tolerance {
    /// Anything: the user said so, `--clean` drops it, or nothing is created.
    Anything,
    /// Anything but what is going to be created: a filtered restore.
    OtherThings,
    /// Nothing: a whole restore.
    Nothing,
}

/// Refuses a target that holds what it should not.
pub fn refuse_occupied(
    facts: &TargetFacts,
    tolerance: Tolerance,
    created: impl Iterator<Item = (String, String)>,
) -> Result<()> {
    let found: Vec<String> = match tolerance {
        Tolerance::Anything => Vec::new(),
        Tolerance::OtherThings => created
            .filter(|name| facts.relations.contains(name))
            .map(|(schema, name)| format!("{schema}.{name}"))
            .collect(),
        Tolerance::Nothing => {
            let relations = facts.relations.iter().map(|(schema, name)| format!("{schema}.{name}"));
            relations.chain(facts.others.iter().cloned()).collect()
        }
    };
    let Some(first) = found.first() else { return Ok(()) };
    let more = match found.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    let (what, hint) = match tolerance {
        Tolerance::OtherThings => (
            format!("the target has {first}{more} already"),
            "Drop or rename it first, or use --clean, or restore only its rows with --data-only.",
        ),
        _ => (
            format!("the target database {} is not empty: it has {first}{more}", facts.database),
            "Restore into an empty database, or use --clean to replace what the dump has, or --allow-non-empty.",
        ),
    };
    Err(Error::new(Kind::Target, what).hint(hint))
}

/// Refuses servers that cannot be restored into.
pub fn refuse_unfit(facts: &TargetFacts) -> Result<()> {
    if facts.version.major() < OLDEST_MAJOR {
        return Err(Error::new(Kind::Target, format!("the target runs PostgreSQL {}", facts.version_text))
            .hint("Restores go into PostgreSQL 14 or newer."));
    }
    if facts.standby {
        return Err(Error::new(Kind::Target, "the target is a standby: it takes no writes")
            .hint("Connect to its primary; target_session_attrs=read-write picks it from a list of hosts."));
    }
    Ok(())
}

/// Sentences the user should read before believing the result.
pub fn warnings(facts: &TargetFacts, source: ServerVersion, encoding: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.version.major() < source.major() {
        warnings.push(format!(
            "the dump comes from PostgreSQL {}, the target is {}: what it lacks is reported as a loss",
            source.major(),
            facts.version.major()
        ));
    }
    if facts.version.major() > NEWEST_MAJOR {
        warnings.push(format!(
            "the target runs PostgreSQL {}, which this version of pgfreight does not know: statements are those for {NEWEST_MAJOR}",
            facts.version_text
        ));
    }
    if facts.encoding != encoding {
        warnings.push(match (encoding, facts.encoding.as_str()) {
            (_, "SQL_ASCII") => format!("the target's encoding is SQL_ASCII: text arrives in {encoding}, unchecked"),
            ("SQL_ASCII", _) => {
                "the dump's encoding is SQL_ASCII: text that is not valid in the target fails".to_owned()
            }
            _ => format!("text is converted from {encoding} to the target's {}", facts.encoding),
        });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> TargetFacts {
        TargetFacts {
            version: ServerVersion::from_major(15),
            version_text: "15.3".into(),
            database: "d".into(),
            encoding: "UTF8".into(),
            standby: false,
            known: Default::default(),
            relations: BTreeSet::new(),
            others: vec![],
        }
    }

    #[test]
    fn protected_by_any_of_its_names() {
        for name in ["prod", "db.example", "db.example:5432", "db.example:5432/prod"] {
            let protected = BTreeSet::from([name.to_owned()]);
            assert!(refuse_protected("db.example:5432/prod", "prod", &protected).is_err(), "{name}");
            assert!(refuse_protected("localhost:5433/staging", "staging", &protected).is_ok(), "{name}");
        }
    }

    #[test]
    fn occupied_targets() {
        let created = || [("s".to_owned(), "t".to_owned())].into_iter();
        let mut facts = facts();
        for tolerance in [Tolerance::Nothing, Tolerance::OtherThings, Tolerance::Anything] {
            assert!(refuse_occupied(&facts, tolerance, created()).is_ok());
        }
        facts.relations.insert(("s".into(), "other".into()));
        assert!(refuse_occupied(&facts, Tolerance::Nothing, created()).is_err());
        assert!(refuse_occupied(&facts, Tolerance::OtherThings, created()).is_ok());
        facts.relations.insert(("s".into(), "t".into()));
        let error = refuse_occupied(&facts, Tolerance::OtherThings, created()).unwrap_err();
        assert_eq!(error.what(), "the target has s.t already");
        let error = refuse_occupied(&facts, Tolerance::Nothing, created()).unwrap_err();
        assert_eq!(error.what(), "the target database d is not empty: it has s.other and 1 more");
        assert!(refuse_occupied(&facts, Tolerance::Anything, created()).is_ok());
    }

    #[test]
    fn unfit_servers_and_warnings() {
        assert!(refuse_unfit(&facts()).is_ok());
        assert!(refuse_unfit(&TargetFacts { standby: true, ..facts() }).is_err());
        assert!(refuse_unfit(&TargetFacts { version: ServerVersion::from_major(13), ..facts() }).is_err());
        assert!(warnings(&facts(), ServerVersion::from_major(15), "UTF8").is_empty());
        assert_eq!(warnings(&facts(), ServerVersion::from_major(18), "LATIN1").len(), 2);
        let newer = TargetFacts { version: ServerVersion::from_major(NEWEST_MAJOR + 1), ..facts() };
        assert_eq!(warnings(&newer, ServerVersion::from_major(18), "UTF8").len(), 1);
    }
}
