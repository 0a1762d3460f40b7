//! pg_restore's filters on a table of contents, and its list files (`-l`, `-L`).
//!
//! With `-t` a table brings everything that hangs on it: indexes, constraints, triggers, rules, policies, defaults,
//! sequences its columns own, comments, privileges and rows. (pg_restore brings the bare table and its rows.) What it needs
//! beyond that, [`super::pull`] brings: types, functions, schemas.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use super::pattern::Pattern;
use super::select::SelectError;
use crate::catalog::{Class, ObjectId};
use crate::ddl::{Entry, EntryKind, Section, Toc};

/// What a restore carries, named after pg_restore's options. Names match exactly or, as an extension, by pattern.
#[derive(Clone, Debug, Default)]
pub struct RestoreFilters {
    /// `-t`, `--table`: tables, views, materialized views, sequences, foreign tables; `schema.name` is understood.
    pub tables: Vec<String>,
    /// `--exclude-table`.
    pub exclude_tables: Vec<String>,
    /// `-n`, `--schema`.
    pub schemas: Vec<String>,
    /// `-N`, `--exclude-schema`.
    pub exclude_schemas: Vec<String>,
    /// `-I`, `--index`.
    pub indexes: Vec<String>,
    /// `-P`, `--function`: with argument types, as a listing shows it.
    pub functions: Vec<String>,
    /// `-T`, `--trigger`.
    pub triggers: Vec<String>,
    /// `--section`; empty for all.
    pub sections: BTreeSet<Section>,
    /// `-s`, `--schema-only`.
    pub schema_only: bool,
    /// `-a`, `--data-only`.
    pub data_only: bool,
    /// `-L`, `--use-list`: entry numbers in the order of the file; see [`parse_list`].
    pub list: Option<Vec<u32>>,
    /// `--strict-names`: every name must match something.
    pub strict_names: bool,
}

impl RestoreFilters {
    /// Whether only objects with certain names were asked for.
    pub fn is_by_name(&self) -> bool {
        let Self { tables, schemas, indexes, functions, triggers, .. } = self;
        [tables, schemas, indexes, functions, triggers].into_iter().any(|names| !names.is_empty())
    }
}

/// Numbers of the entries that filters keep, in table of contents order, or in the order of the list file.
pub fn select_entries(toc: &Toc, filters: &RestoreFilters) -> Result<Vec<u32>, SelectError> {
    let names = Names::new(toc, filters)?;
    let homes = Homes::of(toc);
    let keep = |entry: &&Entry| names.keeps(entry) && keeps_section(entry, &homes, filters);
    let kept: BTreeSet<u32> = toc.entries.iter().filter(keep).map(|entry| entry.id).collect();
    names.check(filters)?;
    Ok(match &filters.list {
        Some(list) => list.iter().copied().filter(|id| kept.contains(id)).collect(),
        None => kept.into_iter().collect(),
    })
}

/// Numbers of the entries that filters forbid, whoever needs them: excluded tables and schemas, sections not asked for.
pub fn unwanted(toc: &Toc, filters: &RestoreFilters) -> Result<BTreeSet<u32>, SelectError> {
    let names = Names::new(toc, filters)?;
    let homes = Homes::of(toc);
    let forbidden = |entry: &&Entry| {
        let is_schema = entry.object.is_some_and(|object| object.class == Class::Schema);
        let schema = if is_schema { Some(&*entry.name) } else { entry.schema.as_deref() };
        names.excludes(entry, schema) || !keeps_section(entry, &homes, filters)
    };
    Ok(toc.entries.iter().filter(forbidden).map(|entry| entry.id).collect())
}

/// A pattern and whether anything matched it.
struct Name {
    text: String,
    pattern: Pattern,
}

impl Name {
    fn all(texts: &[String], qualified: bool) -> Result<Vec<Self>, SelectError> {
        let compile = |text: &String| {
            // A name that is no valid pattern still stands for itself.
            let quoted = || format!("\"{}\"", text.replace('"', "\"\""));
            let pattern = match Pattern::relation(text, "") {
                Ok(pattern) if qualified || !pattern.is_qualified() => pattern,
                _ => Pattern::relation(&quoted(), "")?,
            };
            Ok(Self { text: text.clone(), pattern })
        };
        texts.iter().map(compile).collect()
    }

    fn hits(&self, schema: &str, name: &str) -> bool {
        self.text == name || self.pattern.matches(schema, name)
    }
}

fn among(names: &[Name], schema: Option<&str>) -> bool {
    schema.is_some_and(|schema| names.iter().any(|name| name.hits("", schema)))
}

/// Which names were asked for, and what they match.
struct Names {
    schemas: Vec<Name>,
    exclude_schemas: Vec<Name>,
    relations: Option<BTreeSet<ObjectId>>,
    exclude: BTreeSet<ObjectId>,
    single: BTreeSet<u32>,
    by_name: bool,
    unmatched: Vec<String>,
}

impl Names {
    fn new(toc: &Toc, filters: &RestoreFilters) -> Result<Self, SelectError> {
        let mut unmatched = Vec::new();
        let relations = relations(toc, &filters.tables, &mut unmatched)?;
        let relations = with_owned_sequences(toc, relations);
        let exclude = with_owned_sequences(toc, self::relations(toc, &filters.exclude_tables, &mut Vec::new())?);
        let mut single = BTreeSet::new();
        let kinds: [(&[String], &[&str], bool); 3] = [
            (&filters.indexes, &["INDEX"], false),
            (&filters.functions, &["FUNCTION", "PROCEDURE", "AGGREGATE"], false),
            (&filters.triggers, &["TRIGGER"], true),
        ];
        for (texts, descs, of_table) in kinds {
            for name in Name::all(texts, true)? {
                let hits = |entry: &&Entry| {
                    let schema = entry.schema.as_deref().unwrap_or("");
                    // A trigger's tag has its table in front.
                    let tag = entry.name.rsplit_once(' ').filter(|_| of_table).map_or(&*entry.name, |(_, last)| last);
                    descs.contains(&&*entry.desc) && name.hits(schema, tag)
                };
                let found: Vec<u32> = toc.entries.iter().filter(hits).map(|entry| entry.id).collect();
                if found.is_empty() {
                    unmatched.push(name.text.clone());
                }
                single.extend(found);
            }
        }
        let by_name = [&filters.tables, &filters.indexes, &filters.functions, &filters.triggers];
        Ok(Self {
            schemas: Name::all(&filters.schemas, false)?,
            exclude_schemas: Name::all(&filters.exclude_schemas, false)?,
            relations: (!filters.tables.is_empty()).then_some(relations),
            exclude,
            single,
            by_name: by_name.iter().any(|names| !names.is_empty()),
            unmatched,
        })
    }

    /// Whether exclusions keep an entry of a schema out.
    fn excludes(&self, entry: &Entry, schema: Option<&str>) -> bool {
        let excluded = [entry.relation, entry.object].into_iter().flatten().any(|id| self.exclude.contains(&id));
        excluded || among(&self.exclude_schemas, schema)
    }

    fn keeps(&self, entry: &Entry) -> bool {
        let schema = entry.schema.as_deref();
        if self.excludes(entry, schema) || (!self.schemas.is_empty() && !among(&self.schemas, schema)) {
            return false;
        }
        if !self.by_name {
            return true;
        }
        let of_table = |relations: &BTreeSet<ObjectId>| entry.relation.is_some_and(|id| relations.contains(&id));
        self.relations.as_ref().is_some_and(of_table) || self.single.contains(&entry.id)
    }

    fn check(&self, filters: &RestoreFilters) -> Result<(), SelectError> {
        let nothing = self.by_name && self.single.is_empty() && self.relations.as_ref().is_none_or(BTreeSet::is_empty);
        if (filters.strict_names && !self.unmatched.is_empty()) || nothing {
            return Err(SelectError::NoMatch { what: "objects", pattern: self.unmatched.join(", ") });
        }
        Ok(())
    }
}

/// Descriptions of entries that `-t` can name.
const RELATIONS: [&str; 6] = ["TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE", "TABLE DATA"];

fn relations(toc: &Toc, texts: &[String], unmatched: &mut Vec<String>) -> Result<BTreeSet<ObjectId>, SelectError> {
    let mut found = BTreeSet::new();
    for name in Name::all(texts, true)? {
        let hits = |entry: &&Entry| {
            RELATIONS.contains(&&*entry.desc) && name.hits(entry.schema.as_deref().unwrap_or(""), &entry.name)
        };
        let ids: Vec<ObjectId> = toc.entries.iter().filter(hits).filter_map(|entry| entry.object).collect();
        if ids.is_empty() {
            unmatched.push(name.text.clone());
        }
        found.extend(ids);
    }
    Ok(found)
}

/// Adds the sequences that columns of these tables own.
fn with_owned_sequences(toc: &Toc, mut relations: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    let of_entry: HashMap<u32, ObjectId> =
        toc.entries.iter().filter_map(|entry| entry.object.map(|id| (entry.id, id))).collect();
    for entry in toc.entries.iter().filter(|entry| entry.desc == "SEQUENCE OWNED BY") {
        let owned = entry.depends.iter().filter_map(|id| of_entry.get(id)).any(|id| relations.contains(id));
        if owned {
            relations.extend(entry.object);
        }
    }
    relations
}

/// The sections that options speak of: privileges belong to what they are about, whenever they run.
#[derive(Debug)]
pub(super) struct Homes(HashMap<ObjectId, Section>);

impl Homes {
    pub(super) fn of(toc: &Toc) -> Self {
        let mut homes = HashMap::new();
        for entry in toc.entries.iter().filter(|entry| entry.kind == EntryKind::Create) {
            if let Some(id) = entry.object {
                homes.entry(id).or_insert(entry.section);
            }
        }
        Self(homes)
    }

    pub(super) fn section(&self, entry: &Entry) -> Section {
        match (entry.kind, entry.object) {
            (EntryKind::Acl, Some(id)) if id.class != Class::DefaultAcl => {
                self.0.get(&id).copied().unwrap_or(Section::PreData)
            }
            _ => entry.section,
        }
    }
}

fn keeps_section(entry: &Entry, homes: &Homes, filters: &RestoreFilters) -> bool {
    let home = homes.section(entry);
    // Large objects are data, even those of their entries that create them.
    let data = home == Section::Data || entry.kind == EntryKind::Refresh;
    let wanted = filters.sections.is_empty() || filters.sections.contains(&home);
    wanted && !(filters.schema_only && data) && !(filters.data_only && home != Section::Data)
}

/// The table of contents as `pg_restore -l` prints it; [`parse_list`] reads it back.
pub fn print_list(toc: &Toc, database: &str) -> String {
    let mut out =
        format!(";\n; Table of contents of database {}\n; {} entries\n;\n", one_line(database), toc.entries.len());
    for entry in &toc.entries {
        let (catalog, oid) = entry.object.map_or(("-", 0), |id| (id.class.catalog(), id.oid.0));
        let word = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), one_line);
        let (schema, owner) = (word(&entry.schema), word(&entry.owner));
        let _ =
            writeln!(out, "{}; {catalog} {oid} {} {schema} {} {owner}", entry.id, entry.desc, one_line(&entry.name));
    }
    out
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Entry numbers of a list file, in its order: everything after a semicolon is comment, lines without a number are too.
/// Numbers that stand twice count once; the first unreadable line is returned as the error.
pub fn parse_list(text: &str) -> Result<Vec<u32>, String> {
    let mut seen = BTreeMap::new();
    let mut numbers = Vec::new();
    for line in text.lines() {
        let head = line.split(';').next().unwrap_or("").trim();
        if head.is_empty() {
            continue;
        }
        let number: u32 = head.parse().map_err(|_| line.to_owned())?;
        if seen.insert(number, ()).is_none() {
            numbers.push(number);
        }
    }
    Ok(numbers)
}
