//! pg_dump's filters on a catalog: which objects a dump carries, and whose data.
//!
//! What hangs on a relation (indexes, constraints, triggers, rules, policies, statistics, defaults, sequences its columns
//! own, comments, privileges) comes and goes with it. With `-t` nothing but relations is carried, as pg_dump has it: no
//! types, functions or schemas. Foreign keys to tables that are left out stay, and [`Selection::dangling`] names them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::pattern::{Pattern, PatternError};
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::{Body, Catalog, Census, Class, Object, ObjectId};
use crate::ddl::{Entry, EntryKind, Section, Toc};
use crate::error::{Error as EngineError, Kind};

use super::select_entries::Homes;
pub use super::select_entries::RestoreFilters;

/// What a dump carries, named after pg_dump's options. Patterns follow [`super::pattern`].
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// `-t`, `--table`.
    pub tables: Vec<String>,
    /// `--table-and-children`.
    pub tables_and_children: Vec<String>,
    /// `-T`, `--exclude-table`.
    pub exclude_tables: Vec<String>,
    /// `--exclude-table-and-children`.
    pub exclude_tables_and_children: Vec<String>,
    /// `--exclude-table-data`.
    pub exclude_table_data: Vec<String>,
    /// `--exclude-table-data-and-children`.
    pub exclude_table_data_and_children: Vec<String>,
    /// `-n`, `--schema`.
    pub schemas: Vec<String>,
    /// `-N`, `--exclude-schema`.
    pub exclude_schemas: Vec<String>,
    /// `-e`, `--extension`.
    pub extensions: Vec<String>,
    /// `--exclude-extension`.
    pub exclude_extensions: Vec<String>,
    /// `--include-foreign-data`: kept for filter files; rows of foreign tables are never carried.
    pub foreign_data: Vec<String>,
    /// `-s`, `--schema-only`.
    pub schema_only: bool,
    /// `-a`, `--data-only`.
    pub data_only: bool,
    /// `--section`; empty for all.
    pub sections: BTreeSet<Section>,
    /// `-b` (true), `-B` (false); by default with everything, and without where tables or schemas are chosen.
    pub large_objects: Option<bool>,
    /// `--no-statistics`.
    pub no_statistics: bool,
    /// `--strict-names`: every including pattern must match something.
    pub strict_names: bool,
    /// The connection's own search path, as `current_schemas(false)` gave it before it was emptied: unqualified table
    /// patterns see only what is visible through it. Empty: they see every schema.
    pub search_path: Vec<String>,
}

/// Filters that cannot be meant, or that leave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// A pattern that is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// `--strict-names`, or all patterns of a kind together.
    #[error("no matching {what} were found for pattern {pattern}")]
    NoMatch {
        /// `tables`, `schemas`, `extensions`.
        what: &'static str,
        /// The pattern, or all of them.
        pattern: String,
    },
    /// Options that exclude each other.
    #[error("{first} and {second} cannot be used together")]
    Contradiction {
        /// One option.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

impl From<SelectError> for EngineError {
    fn from(error: SelectError) -> Self {
        let hint = match &error {
            SelectError::Contradiction { .. } => "Leave one of the two options out.",
            SelectError::NoMatch { .. } => {
                "Unquoted letters fold to lower case: write '\"Name\"' for names with capitals, and schema.name for tables \
                 outside the search path."
            }
            SelectError::Pattern(_) => "Quote dots and special characters with double quotes inside the pattern.",
        };
        Self::new(Kind::Usage, error.to_string()).hint(hint)
    }
}

/// What a dump carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Objects that are carried.
    pub objects: BTreeSet<ObjectId>,
    /// Relations whose rows, position or contents are carried.
    pub data: BTreeSet<ObjectId>,
    /// Contents of large objects are carried.
    pub large_objects: bool,
    /// The planner's statistics of the relations whose data is carried, too.
    pub statistics: bool,
    /// The database's own properties are carried.
    pub database: bool,
    /// Sections that are carried.
    pub sections: BTreeSet<Section>,
    /// Including patterns that matched nothing.
    pub unmatched: Vec<String>,
    /// Foreign keys that are carried and reference tables that are not: qualified key name and table.
    pub dangling: Vec<(String, String)>,
}

impl Selection {
    /// Applies filters to a catalog.
    pub fn of(catalog: &Catalog, filters: &Filters) -> Result<Self, SelectError> {
        contradictions(filters)?;
        let choice = Choice::new(catalog, filters)?;
        let mut selection = Self { unmatched: choice.unmatched.clone(), ..Self::default() };
        selection.sections = sections(filters);
        selection.database = choice.everything;
        selection.statistics = !filters.no_statistics && !filters.schema_only && !filters.data_only;
        let wants_data = selection.sections.contains(&Section::Data);
        selection.large_objects = wants_data && choice.large_objects;
        let wanted: FxHashMap<ObjectId, bool> =
            catalog.objects.iter().map(|object| (object.id, choice.wants(object))).collect();
        for object in &catalog.objects {
            if follow(object, &choice, &wanted) {
                selection.objects.insert(object.id);
            }
        }
        choice.data(catalog, &mut selection, wants_data, !filters.schema_only);
        selection.dangling = dangling(catalog, &selection);
        Ok(selection)
    }

    /// The entries of the catalog's table of contents that are carried.
    pub fn kept(&self, toc: Toc) -> Vec<Entry> {
        let homes = Homes::of(&toc);
        toc.entries.into_iter().filter(|entry| self.keeps(entry, homes.section(entry))).collect()
    }

    fn keeps(&self, entry: &Entry, section: Section) -> bool {
        // Whoever asks for the cluster's objects gets all of them, whatever else is chosen.
        if entry.is_about_cluster() {
            return true;
        }
        let Some(id) = entry.object else {
            return match entry.kind {
                EntryKind::Blobs => self.large_objects,
                _ => self.database && self.sections.contains(&section),
            };
        };
        let data = match entry.kind {
            EntryKind::TableData | EntryKind::SequenceSet | EntryKind::Refresh => self.data.contains(&id),
            _ => true,
        };
        data && self.objects.contains(&id) && self.sections.contains(&section)
    }

    /// The catalog a dump with this selection stores: what is carried, and, as given by somebody else, what the carried
    /// objects name (tables their foreign keys reference, parents they inherit from). Takes the catalog it was made of:
    /// most of it is usually carried, and a copy would hold every object twice.
    pub fn reduce(&self, mut catalog: Catalog) -> Catalog {
        let named = named(&catalog, self);
        let Catalog { objects, census, .. } = &mut catalog;
        objects.retain_mut(|object| {
            let is_carried = self.objects.contains(&object.id);
            if !is_carried {
                census.iter_mut().for_each(|census| census.leave_out(object));
            }
            if is_carried {
                self.narrow(object);
            } else {
                make_stub(object);
            }
            is_carried || named.contains(&object.id)
        });
        let known: FxHashSet<ObjectId> = objects.iter().map(|object| object.id).collect();
        catalog.edges.retain(|edge| known.contains(&edge.dependent) && known.contains(&edge.referenced));
        if !self.database {
            catalog.unsupported.clear();
            catalog.census.iter_mut().for_each(Census::leave_out_the_missing);
        }
        catalog
    }

    /// Leaves in a publication what is carried.
    fn narrow(&self, object: &mut Object) {
        if let Body::Publication(publication) = &mut object.body {
            publication.tables.retain(|table| self.objects.contains(&table.table));
            publication.schemas.retain(|schema| self.objects.contains(schema));
        }
    }

    /// Whose statistics are carried: relations with data, and the indexes of those.
    pub fn with_statistics(&self, objects: &[Object]) -> BTreeSet<ObjectId> {
        let has_data = |id: &ObjectId| self.statistics && self.data.contains(id);
        let of = |object: &Object| match object.body {
            Body::Index(_) => object.parent,
            _ => Some(object.id),
        };
        objects.iter().filter(|object| of(object).as_ref().is_some_and(has_data)).map(|object| object.id).collect()
    }
}

/// Leaves of an object what others need of it: its name.
fn make_stub(object: &mut Object) {
    object.builtin = true;
    object.acl = None;
    object.comment = None;
    object.labels.clear();
    object.column_comments.clear();
    object.column_labels.clear();
}

fn contradictions(filters: &Filters) -> Result<(), SelectError> {
    let both = |first, second| Err(SelectError::Contradiction { first, second });
    match (filters.schema_only, filters.data_only, filters.sections.is_empty()) {
        (true, true, _) => both("--schema-only", "--data-only"),
        (true, _, false) => both("--schema-only", "--section"),
        (_, true, false) => both("--data-only", "--section"),
        _ => Ok(()),
    }
}

impl Filters {
    /// Whether they leave anything of a section.
    pub fn carries(&self, section: Section) -> bool {
        let keep = match section {
            Section::Data => !self.schema_only,
            _ => !self.data_only,
        };
        keep && (self.sections.is_empty() || self.sections.contains(&section))
    }
}

fn sections(filters: &Filters) -> BTreeSet<Section> {
    let all = [Section::PreData, Section::Data, Section::PostData];
    all.into_iter().filter(|section| filters.carries(*section)).collect()
}

/// Compiled filters and what they match.
struct Choice<'a> {
    /// Neither `-t` nor `-n` was given.
    everything: bool,
    large_objects: bool,
    by_table: bool,
    tables: BTreeSet<ObjectId>,
    without: BTreeSet<ObjectId>,
    without_data: BTreeSet<ObjectId>,
    schemas: BTreeSet<&'a str>,
    extensions: BTreeSet<&'a str>,
    unmatched: Vec<String>,
}

impl<'a> Choice<'a> {
    fn new(catalog: &'a Catalog, filters: &Filters) -> Result<Self, SelectError> {
        let by_table = !filters.tables.is_empty() || !filters.tables_and_children.is_empty();
        let everything = !by_table && filters.schemas.is_empty();
        let matcher = Matcher::new(catalog, filters);
        let mut unmatched = Vec::new();
        let mut tables = matcher.relations(&filters.tables, &mut unmatched)?;
        let with_children = matcher.relations(&filters.tables_and_children, &mut unmatched)?;
        tables.extend(matcher.with_children(with_children));
        if by_table && tables.is_empty() {
            return Err(SelectError::NoMatch { what: "tables", pattern: unmatched.join(", ") });
        }
        let excluded = |plain: &[String], with_children: &[String]| -> Result<BTreeSet<ObjectId>, SelectError> {
            let mut found = matcher.relations(plain, &mut Vec::new())?;
            found.extend(matcher.with_children(matcher.relations(with_children, &mut Vec::new())?));
            Ok(found)
        };
        let without = excluded(&filters.exclude_tables, &filters.exclude_tables_and_children)?;
        let without_data = excluded(&filters.exclude_table_data, &filters.exclude_table_data_and_children)?;
        let mut missing_schemas = Vec::new();
        let mut schemas = matcher.schemas(&filters.schemas, &mut missing_schemas)?;
        if !filters.schemas.is_empty() && schemas.is_empty() {
            return Err(SelectError::NoMatch { what: "schemas", pattern: missing_schemas.join(", ") });
        }
        if filters.schemas.is_empty() {
            schemas = matcher.schemas(&["*".to_owned()], &mut Vec::new())?;
        }
        for schema in matcher.schemas(&filters.exclude_schemas, &mut Vec::new())? {
            schemas.remove(schema);
        }
        unmatched.append(&mut missing_schemas);
        let extensions = matcher.extensions(filters, everything, &mut unmatched)?;
        if filters.strict_names && !unmatched.is_empty() {
            return Err(SelectError::NoMatch { what: "objects", pattern: unmatched.join(", ") });
        }
        let large_objects = filters.large_objects.unwrap_or(everything);
        Ok(Self { everything, large_objects, by_table, tables, without, without_data, schemas, extensions, unmatched })
    }

    /// Whether an object is wanted for itself; what hangs on others follows them (see [`follow`]).
    fn wants(&self, object: &Object) -> bool {
        if let Some(extension) = &object.extension {
            return self.extensions.contains(&**extension);
        }
        let in_schema = || match &object.schema {
            Some(schema) => self.schemas.contains(&**schema),
            None => self.everything,
        };
        match object.id.class {
            // Of what initdb made only what was changed is in the model; its schemas are nobody's choice.
            _ if matches!(object.body, Body::System(_)) => self.everything,
            Class::OperatorFamily if object.builtin => self.everything,
            Class::Relation if self.without.contains(&object.id) => false,
            Class::Relation if self.by_table => self.tables.contains(&object.id),
            Class::Extension => self.extensions.contains(&*object.name),
            Class::LargeObject => self.large_objects,
            _ if self.by_table => false,
            Class::Schema => self.schemas.contains(&*object.name),
            _ => in_schema(),
        }
    }

    /// Whose data is carried.
    fn data(&self, catalog: &Catalog, selection: &mut Selection, wants_data: bool, wants_contents: bool) {
        let configuration = configuration(catalog);
        for object in &catalog.objects {
            // Contents of a materialized view are made in post-data.
            let has_data = match &object.body {
                Body::Table(_) | Body::Sequence(_) => wants_data,
                Body::View(view) => view.materialized.is_some() && wants_contents,
                _ => false,
            };
            let refused = self.without.contains(&object.id) || self.without_data.contains(&object.id);
            if !has_data || refused {
                continue;
            }
            let carried = match &object.extension {
                Some(_) if !configuration.contains(&object.id) => false,
                Some(_) if self.by_table => self.tables.contains(&object.id),
                _ => selection.objects.contains(&object.id),
            };
            if carried {
                selection.data.insert(object.id);
                selection.objects.insert(object.id);
            }
        }
    }
}

/// Whether an object is carried: wanted itself, unless it hangs on another, which then decides.
fn follow(object: &Object, choice: &Choice<'_>, wanted: &FxHashMap<ObjectId, bool>) -> bool {
    let of = |id: &ObjectId| wanted.get(id).copied().unwrap_or(false);
    if object.extension.is_some() {
        return of(&object.id);
    }
    if let Body::Sequence(sequence) = &object.body
        && let Some(owner) = &sequence.owned_by
    {
        // An identity has no life of its own; a sequence that a column owns may be chosen or refused by name.
        let refused = choice.without.contains(&object.id) || choice.without.contains(&owner.table);
        return if owner.identity { of(&owner.table) } else { (of(&owner.table) || of(&object.id)) && !refused };
    }
    match object.parent {
        Some(parent) if parent.class == Class::Relation || parent.class == Class::Type => of(&parent),
        _ => of(&object.id),
    }
}

/// Relations of extensions whose contents belong to the user.
fn configuration(catalog: &Catalog) -> BTreeSet<ObjectId> {
    let extensions = catalog.objects.iter().filter_map(|object| match &object.body {
        Body::Extension(extension) => Some(extension),
        _ => None,
    });
    let relations = extensions.flat_map(|extension| extension.config.iter().map(|table| table.relation));
    relations.map(|oid| ObjectId { class: Class::Relation, oid }).collect()
}

/// Finds what patterns mean in a catalog.
struct Matcher<'a> {
    catalog: &'a Catalog,
    database: &'a str,
    search_path: Vec<String>,
}

impl<'a> Matcher<'a> {
    fn new(catalog: &'a Catalog, filters: &Filters) -> Self {
        Self { catalog, database: &catalog.database.name, search_path: filters.search_path.clone() }
    }

    /// Tables, views, sequences that any of the patterns matches.
    fn relations(&self, patterns: &[String], unmatched: &mut Vec<String>) -> Result<BTreeSet<ObjectId>, SelectError> {
        let mut found = BTreeSet::new();
        for text in patterns {
            let pattern = Pattern::relation(text, self.database)?;
            let before = found.len();
            let mut hit = false;
            for object in &self.catalog.objects {
                let schema = object.schema.as_deref().unwrap_or("");
                let relation = matches!(object.body, Body::Table(_) | Body::View(_) | Body::Sequence(_));
                if relation && pattern.matches(schema, &object.name) && (pattern.is_qualified() || self.sees(object)) {
                    hit = true;
                    found.insert(object.id);
                }
            }
            if before == found.len() && !hit {
                unmatched.push(text.clone());
            }
        }
        Ok(found)
    }

    /// Whether an unqualified name means this relation.
    fn sees(&self, object: &Object) -> bool {
        if self.search_path.is_empty() {
            return true;
        }
        let Some(schema) = &object.schema else { return true };
        let Some(place) = self.search_path.iter().position(|entry| entry == schema) else { return false };
        let hides = |other: &&Object| {
            other.name == object.name
                && other.id.class == Class::Relation
                && other.schema.as_ref().is_some_and(|schema| self.search_path[..place].contains(schema))
        };
        place == 0 || !self.catalog.objects.iter().any(|other| hides(&other))
    }

    /// The tables and everything that inherits from them or partitions them.
    fn with_children(&self, roots: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
        let mut below: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
        for object in &self.catalog.objects {
            if let Body::Table(table) = &object.body {
                for parent in &table.parents {
                    below.entry(*parent).or_default().push(object.id);
                }
            }
        }
        let mut all = roots.clone();
        let mut work: Vec<ObjectId> = roots.into_iter().collect();
        while let Some(id) = work.pop() {
            for child in below.get(&id).into_iter().flatten() {
                if all.insert(*child) {
                    work.push(*child);
                }
            }
        }
        all
    }

    fn schemas(&self, patterns: &[String], unmatched: &mut Vec<String>) -> Result<BTreeSet<&'a str>, SelectError> {
        let names = || self.catalog.objects.iter().filter(|object| object.id.class == Class::Schema);
        let mut found = BTreeSet::new();
        for text in patterns {
            let pattern = Pattern::schema(text, self.database)?;
            let mut hits = names().filter(|object| pattern.matches("", &object.name)).peekable();
            if hits.peek().is_none() {
                unmatched.push(text.clone());
            }
            found.extend(hits.map(|object| &*object.name));
        }
        Ok(found)
    }

    fn extensions(
        &self,
        filters: &Filters,
        everything: bool,
        unmatched: &mut Vec<String>,
    ) -> Result<BTreeSet<&'a str>, SelectError> {
        let names = || self.catalog.objects.iter().filter(|object| object.id.class == Class::Extension);
        let mut found: BTreeSet<&str> = BTreeSet::new();
        for text in &filters.extensions {
            let pattern = Pattern::bare(text)?;
            let hits: Vec<&str> =
                names().filter(|object| pattern.matches("", &object.name)).map(|o| &*o.name).collect();
            if hits.is_empty() {
                unmatched.push(text.clone());
            }
            found.extend(hits);
        }
        if !filters.extensions.is_empty() && found.is_empty() {
            return Err(SelectError::NoMatch { what: "extensions", pattern: filters.extensions.join(", ") });
        }
        if filters.extensions.is_empty() && everything {
            found = names().map(|object| &*object.name).collect();
        }
        for text in &filters.exclude_extensions {
            let pattern = Pattern::bare(text)?;
            found.retain(|name| !pattern.matches("", name));
        }
        Ok(found)
    }
}

/// Objects that are not carried but named by what is.
fn named(catalog: &Catalog, selection: &Selection) -> BTreeSet<ObjectId> {
    let mut named = BTreeSet::new();
    for object in catalog.objects.iter().filter(|object| selection.objects.contains(&object.id)) {
        match &object.body {
            Body::Table(table) => named.extend(table.parents.iter().copied()),
            Body::Constraint(constraint) => {
                if let ConstraintRule::ForeignKey(key) = &constraint.rule {
                    named.insert(key.references);
                }
            }
            Body::Sequence(sequence) => named.extend(sequence.owned_by.as_ref().map(|owner| owner.table)),
            Body::Index(index) => named.extend(index.attached_to),
            _ => {}
        }
        named.extend(object.parent);
    }
    named
}

fn dangling(catalog: &Catalog, selection: &Selection) -> Vec<(String, String)> {
    let leaves_out = |object: &Object| match &object.body {
        Body::Constraint(constraint) if selection.objects.contains(&object.id) => match &constraint.rule {
            ConstraintRule::ForeignKey(key) if !selection.objects.contains(&key.references) => Some(key.references),
            _ => None,
        },
        _ => None,
    };
    let keys: Vec<(&Object, ObjectId)> =
        catalog.objects.iter().filter_map(|object| Some((object, leaves_out(object)?))).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let relations = catalog.objects.iter().filter(|object| object.id.class == Class::Relation);
    let names: HashMap<ObjectId, String> = relations.map(|o| (o.id, display(o))).collect();
    let name = |id: ObjectId| names.get(&id).cloned().unwrap_or_default();
    let named = |(key, references): (&Object, ObjectId)| {
        (format!("{}.{}", key.parent.map(name).unwrap_or_default(), key.name), name(references))
    };
    keys.into_iter().map(named).collect()
}

fn display(object: &Object) -> String {
    crate::sql::qualified(object.schema.as_deref(), &object.name)
}

#[cfg(test)]
mod tests;
