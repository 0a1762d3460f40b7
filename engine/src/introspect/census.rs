//! What is in the database and not in the model (promise 10).
//!
//! Every row a user made, in every system catalog that has OIDs, is either an object of the model, a part of one
//! (internal to it, member of an extension, a partition's copy), or named here. A catalog this version has never heard
//! of is asked as well. Rows that only stand in an object (enum labels, members of families and publications, parents,
//! comments, labels, large objects) are counted against what the model has of them.

use std::collections::{HashMap, HashSet};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use super::census_questions::{self as questions, STANDING};
use super::client::Damage;
use super::damage;
use super::rows::{each, rows};
use super::{Client, IntrospectError};
use crate::catalog::census::{Census, rows_of};
use crate::catalog::{Class, Object, ObjectId, Unsupported};
use crate::ids::Oid;

#[derive(Deserialize)]
struct CatalogRow {
    name: String,
    strange: bool,
    readable: bool,
}

/// Rows of a catalog of objects.
struct ObjectsRow {
    catalog: String,
    own: Vec<u32>,
    parts: Vec<u32>,
    temporary: Vec<u32>,
}

/// Rows that stand in one object.
#[derive(Deserialize)]
struct StandingRow {
    catalog: String,
    owner: String,
    oid: u32,
    rows: u64,
    given: u64,
}

#[derive(Deserialize)]
struct IdentityRow {
    number: usize,
    object: Identity,
}

/// What `pg_identify_object` gives.
#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "type")]
    class: Option<String>,
    identity: Option<String>,
}

/// The books, and what does not appear in them yet.
#[derive(Debug, Default)]
pub(super) struct Counted {
    census: Census,
    missing: Vec<Missing>,
}

impl Counted {
    /// The OIDs of the objects that nobody accounts for: they are going to be named.
    pub(super) fn missing(&self) -> HashSet<u32> {
        let oid = |missing: &Missing| match missing {
            Missing::Object { oid, .. } => Some(*oid),
            _ => None,
        };
        self.missing.iter().filter_map(oid).collect()
    }
}

/// Something nobody accounts for.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    /// A row of a catalog of objects; `strange` if the server itself does not know that catalog.
    Object { catalog: String, oid: u32, strange: bool },
    /// So many rows of a catalog that stand in an object of another.
    Rows { catalog: String, rows: u64, owner: String, oid: u32 },
    /// A whole catalog that may not be read.
    Unreadable { catalog: String },
}

/// Counts, and names what the model lacks, in a deterministic order.
pub async fn read(client: &Client<'_>, objects: &[Object]) -> Result<(Census, Vec<Unsupported>), IntrospectError> {
    name(client, ask(client).await?.balance(objects)).await
}

/// Every row that is counted, before anything is held against it.
pub(super) struct Found {
    catalogs: Vec<CatalogRow>,
    objects: Vec<ObjectsRow>,
    standing: Vec<StandingRow>,
}

impl Found {
    /// The OIDs of a catalog of objects; none for a catalog that was not counted as one.
    pub(super) fn oids(&self, catalog: &str) -> Option<HashSet<u32>> {
        let row = self.objects.iter().find(|row| row.catalog == catalog)?;
        Some(row.own.iter().chain(&row.parts).chain(&row.temporary).copied().collect())
    }

    /// Holds what was found against the model.
    pub(super) fn balance(&self, objects: &[Object]) -> Counted {
        balance(&self.catalogs, &self.objects, &self.standing, objects)
    }
}

/// Counts every row. Three questions besides the list of catalogs, sent at once.
pub(super) async fn ask(client: &Client<'_>) -> Result<Found, IntrospectError> {
    let catalogs = rows::<CatalogRow>(client, "system catalogs", questions::CATALOGS).await?;
    let known = |name: &str| catalogs.iter().any(|row| row.name == name);
    let is_asked = |row: &&CatalogRow| !STANDING.contains(&row.name.as_str()) && is_readable(row);
    let (ours, standing) =
        (questions::objects(catalogs.iter().filter(is_asked).map(|row| &*row.name)), questions::standing(known));
    let (mut objects, dependent, standing) = futures_util::try_join!(
        objects(client, &ours),
        dependent(client),
        rows::<StandingRow>(client, "the census", &standing)
    )?;
    for row in &mut objects {
        let Some(dependent) = dependent.get(&row.catalog) else { continue };
        let (parts, own) = std::mem::take(&mut row.own).into_iter().partition(|oid| dependent.contains(oid));
        row.own = own;
        row.parts.extend::<Vec<u32>>(parts);
    }
    Ok(Found { catalogs, objects, standing })
}

async fn objects(client: &Client<'_>, query: &str) -> Result<Vec<ObjectsRow>, IntrospectError> {
    let mut found = Vec::new();
    each(client, query, |row| {
        let (catalog, own) = (row.try_get("catalog")?, row.try_get("own")?);
        found.push(ObjectsRow { catalog, own, parts: row.try_get("parts")?, temporary: row.try_get("temporary")? });
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What comes with others, by catalog.
async fn dependent(client: &Client<'_>) -> Result<HashMap<String, FxHashSet<u32>>, IntrospectError> {
    let mut found = HashMap::new();
    each(client, questions::DEPENDENT, |row| {
        let oids: Vec<u32> = row.try_get("oids")?;
        found.insert(row.try_get("catalog")?, oids.into_iter().collect());
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The catalog of user mappings is read by way of its view.
fn is_readable(row: &CatalogRow) -> bool {
    row.readable || row.name == "pg_user_mapping"
}

/// Holds what was found against the model.
fn balance(catalogs: &[CatalogRow], found: &[ObjectsRow], standing: &[StandingRow], objects: &[Object]) -> Counted {
    let model: FxHashMap<ObjectId, bool> =
        objects.iter().map(|object| (object.id, object.extension.is_some())).collect();
    let unreadable = catalogs.iter().filter(|row| !is_readable(row) && !STANDING.contains(&row.name.as_str()));
    let mut counted = Counted::default();
    counted.missing.extend(unreadable.map(|row| Missing::Unreadable { catalog: row.name.clone() }));
    for row in found {
        let strange = catalogs.iter().any(|catalog| catalog.name == row.catalog && catalog.strange);
        let count = counted.census.0.entry(row.catalog.clone()).or_default();
        count.found = (row.own.len() + row.parts.len() + row.temporary.len()) as u64;
        count.parts = row.temporary.len() as u64;
        let of_others = row.parts.iter().map(|oid| (*oid, true));
        let class = Class::of_catalog(&row.catalog);
        let carried = |oid| class.and_then(|class| model.get(&ObjectId { class, oid: Oid(oid) }));
        for (oid, is_part) in row.own.iter().map(|oid| (*oid, false)).chain(of_others) {
            match (carried(oid), is_part) {
                (Some(false), _) => count.carried += 1,
                (Some(true), _) | (None, true) => count.parts += 1,
                (None, false) => counted.missing.push(Missing::Object { catalog: row.catalog.clone(), oid, strange }),
            }
        }
    }
    let elsewhere = Elsewhere::new(found, &counted.missing);
    let mut expected: FxHashMap<(&str, ObjectId), (u64, bool)> = FxHashMap::default();
    for object in objects {
        for rows in rows_of(object) {
            let entry = expected.entry((rows.catalog, rows.owner)).or_default();
            *entry = (entry.0 + rows.rows, object.extension.is_some());
        }
    }
    for row in standing {
        let count = counted.census.0.entry(row.catalog.clone()).or_default();
        count.found += row.rows;
        let owner = id(&row.owner, row.oid);
        let given = owner.and_then(|id| model.get(&id)).is_some_and(|given| *given);
        let expected = owner.and_then(|id| expected.get(&(row.catalog.as_str(), id)).copied());
        let (carried, parts) = match expected {
            _ if given => (0, row.rows),
            Some((rows, true)) => (0, rows),
            Some((rows, false)) => (rows.min(row.rows), 0),
            None if elsewhere.has(row) => (0, row.rows),
            None => (0, row.given),
        };
        count.carried += carried;
        count.parts += parts;
        let rows = row.rows.saturating_sub(carried + parts);
        if rows > 0 {
            let (catalog, owner) = (row.catalog.clone(), row.owner.clone());
            counted.missing.push(Missing::Rows { catalog, rows, owner, oid: row.oid });
        }
    }
    counted
}

fn id(catalog: &str, oid: u32) -> Option<ObjectId> {
    Class::of_catalog(catalog).map(|class| ObjectId { class, oid: Oid(oid) })
}

/// Objects that are not in the model and yet accounted for.
struct Elsewhere<'a> {
    /// Nobody wants what is said of them, or it is named with them.
    gone: HashSet<(&'a str, u32)>,
    /// They come with others, and their own parts too; but what a person says of them does not.
    parts: HashSet<(&'a str, u32)>,
}

impl<'a> Elsewhere<'a> {
    fn new(found: &'a [ObjectsRow], missing: &[Missing]) -> Self {
        let named: HashSet<(&str, u32)> = missing
            .iter()
            .filter_map(|missing| match missing {
                Missing::Object { catalog, oid, .. } => Some((catalog.as_str(), *oid)),
                _ => None,
            })
            .collect();
        let (mut gone, mut parts) = (HashSet::new(), HashSet::new());
        for row in found {
            let catalog = row.catalog.as_str();
            gone.extend(row.temporary.iter().map(|oid| (catalog, *oid)));
            gone.extend(row.own.iter().filter(|oid| named.contains(&(catalog, **oid))).map(|oid| (catalog, *oid)));
            parts.extend(row.parts.iter().map(|oid| (catalog, *oid)));
        }
        Self { gone, parts }
    }

    fn has(&self, row: &StandingRow) -> bool {
        let owner = (row.owner.as_str(), row.oid);
        let is_said = matches!(row.catalog.as_str(), "pg_description" | "pg_seclabel");
        self.gone.contains(&owner) || !is_said && self.parts.contains(&owner)
    }
}

/// Asks the server for the names of what is missing. Nothing else may be under way on the client: a class the server
/// itself does not know makes it refuse the question.
pub(super) async fn name(client: &Client<'_>, counted: Counted) -> Result<(Census, Vec<Unsupported>), IntrospectError> {
    let Counted { census, missing } = counted;
    let damage = client.damage();
    let identities = identities(client, &missing).await?;
    let mut unsupported: Vec<Unsupported> =
        missing.iter().enumerate().map(|(number, missing)| named(missing, identities.get(&number), &damage)).collect();
    unsupported.sort();
    Ok((census, unsupported))
}

/// Class and identity by position, of those whose catalog the server can speak of.
async fn identities(client: &Client<'_>, missing: &[Missing]) -> Result<HashMap<usize, Identity>, IntrospectError> {
    let asked = missing.iter().enumerate().filter_map(|(number, missing)| match missing {
        Missing::Object { catalog, oid, strange: false } => Some((number, catalog, *oid)),
        Missing::Rows { owner, oid, .. } if *oid != 0 => Some((number, owner, *oid)),
        _ => None,
    });
    let list: Vec<String> =
        asked.map(|(number, catalog, oid)| format!("({number}::int8, 'pg_catalog.{catalog}', {oid}::int8)")).collect();
    if list.is_empty() {
        return Ok(HashMap::new());
    }
    // In the list of columns, not in FROM: a damaged row then takes down nothing but its own name.
    let full = "pg_catalog.pg_identify_object(v.catalog::pg_catalog.regclass, v.oid::pg_catalog.oid, 0)";
    let mut found = answers(client, &list, full).await?;
    if !client.damage().is_empty() {
        // The types of its arguments may be what is damaged: then the bare name is better than a number.
        let bare = "CASE v.catalog
            WHEN 'pg_catalog.pg_proc' THEN pg_catalog.json_build_object('type', 'function',
                 'identity', v.oid::pg_catalog.oid::pg_catalog.regproc::pg_catalog.text)
            WHEN 'pg_catalog.pg_operator' THEN pg_catalog.json_build_object('type', 'operator',
                 'identity', v.oid::pg_catalog.oid::pg_catalog.regoper::pg_catalog.text)
            ELSE '{}' END";
        for (number, object) in answers(client, &list, bare).await? {
            found.entry(number).or_insert(object);
        }
    }
    Ok(found)
}

/// What the server says of objects, by their numbers in the list; nothing where it does not know what to say.
async fn answers(client: &Client<'_>, list: &[String], ask: &str) -> Result<HashMap<usize, Identity>, IntrospectError> {
    let query = format!("SELECT v.number, {ask} AS object FROM (VALUES {}) v(number, catalog, oid)", list.join(", "));
    client.batch_execute("SAVEPOINT census").await?;
    let found = rows::<IdentityRow>(client, "the census", &query).await;
    client.batch_execute("ROLLBACK TO SAVEPOINT census; RELEASE SAVEPOINT census").await?;
    match found {
        Ok(found) => Ok(found.into_iter().map(|row| (row.number, row.object)).collect()),
        Err(IntrospectError::Query(error)) if error.as_db_error().is_some() => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

fn named(missing: &Missing, identity: Option<&Identity>, damage: &[Damage]) -> Unsupported {
    let identified = identity.and_then(|row| row.identity.clone());
    match missing {
        Missing::Object { catalog, oid, .. } => Unsupported {
            class: identity.and_then(|row| row.class.clone()).unwrap_or_else(|| catalog.clone()),
            name: identified.unwrap_or_else(|| oid.to_string()),
            reason: damage::reason(*oid, damage),
        },
        Missing::Rows { catalog, rows, owner, oid } => {
            let of = identified.unwrap_or_else(|| if *oid == 0 { owner.clone() } else { format!("{owner} {oid}") });
            let is_gone = *oid != 0 && identity.is_none_or(|row| row.identity.is_none());
            let reason = is_gone.then(|| "what they belong to is not there, or could not be read".to_owned());
            Unsupported { class: questions::word(catalog).to_owned(), name: format!("{rows} of {of}"), reason }
        }
        Missing::Unreadable { catalog } => {
            let name = format!("{catalog}, which may not be read");
            Unsupported { class: "system catalog".to_owned(), name, reason: None }
        }
    }
}
