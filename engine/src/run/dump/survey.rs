//! From catalog, selection and table facts to the dump plan.
//!
//! Locks come before sizes: only what is locked cannot be truncated, rewritten or dropped any more, and only then does
//! comparing file nodes show whether that happened since the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Body, Catalog, Object, ObjectId, table::TableKind};
use crate::connect;
use crate::error::{Error, Result};
use crate::event::{Event, News};
use crate::format::CopyFormat;
use crate::format::contents::DataKind;
use crate::format::manifest::GridMemory;
use crate::ids::{Oid, TableTag};
use crate::limits::HEAP_PAGE;
use crate::plan::copy_format::{self, Chosen, TypeFacts};
use crate::plan::dump_plan::{DumpPlan, PlannedTable, Span};
use crate::plan::grid::{self, TableSize};
use crate::plan::select::Selection;
use crate::plan::split;
use crate::run::options::DumpOptions;
use crate::run::report::Loss;
use crate::source::error::SourceError;
use crate::source::facts::{self, TableFacts};
use crate::source::holder::Holder;
use crate::source::large_objects;
use crate::source::locks;
use crate::source::reader::CatalogReader;

/// Tables one warning names.
const NAMED: usize = 50;

/// What the catalogs gave and what of it is carried.
pub struct Surveyed {
    /// The selected part of the schema.
    pub selected: Catalog,
    /// Which entries of it.
    pub selection: Selection,
    /// What is not carried, by name.
    pub losses: Vec<Loss>,
    /// The rows to copy.
    pub plan: DumpPlan,
}

/// What a survey works with.
pub struct Survey<'a> {
    /// The snapshot.
    pub holder: &'a Holder,
    /// A session in it.
    pub reader: &'a CatalogReader,
    /// The schema.
    pub catalog: &'a Catalog,
    /// What is copied ([`tables`]).
    pub tables: BTreeMap<Oid, &'a Object>,
    /// Large objects are wanted.
    pub large_objects: bool,
    /// Options.
    pub options: &'a DumpOptions,
    /// How tables were cut before.
    pub grids: &'a BTreeMap<TableTag, GridMemory>,
    /// The way out for warnings.
    pub news: &'a News,
    /// Names tables in public files.
    pub tag: &'a (dyn Fn(&str, &str) -> TableTag + Send + Sync),
}

/// Of the objects whose data is wanted those that are tables with rows, by OID.
pub fn tables<'a>(catalog: &'a Catalog, wanted: &BTreeSet<ObjectId>) -> BTreeMap<Oid, &'a Object> {
    catalog
        .objects
        .iter()
        .filter(|object| wanted.contains(&object.id))
        .filter(|object| matches!(&object.body, Body::Table(table) if table.kind == TableKind::Ordinary))
        .map(|object| (object.id.oid, object))
        .collect()
}

impl Survey<'_> {
    /// Locks what is copied. The reader is not used.
    pub async fn lock(&self) -> Result<()> {
        let name = |object: &Object| (object.schema.clone().unwrap_or_default(), object.name.clone());
        let names: Vec<(String, String)> = self.tables.values().copied().map(name).collect();
        locks::lock(self.holder, &names, self.options.lock_wait).await
    }

    /// Where a lock was refused the server names one table that may not be read; the user wants all of them.
    pub async fn explain(&self, error: Error) -> Error {
        if connect::sqlstate(&error) != Some("42501") {
            return error;
        }
        match facts::tables(self.reader.client(), &self.oids()).await {
            Ok(tables) => self.refuse(&tables).err().unwrap_or(error),
            Err(_) => error,
        }
    }

    fn oids(&self) -> Vec<Oid> {
        self.tables.keys().copied().collect()
    }

    /// Measures what is locked, and plans.
    pub async fn plan(&self) -> Result<DumpPlan> {
        let oids = self.oids();
        let client = self.reader.client();
        // Asked in one go: far away every question costs a round trip.
        let (mut tables, types, large_objects) =
            tokio::try_join!(facts::tables(client, &oids), facts::types(client), self.large_objects())?;
        self.refuse(&tables)?;
        // A column whose type was removed by force has no text and no binary form; introspection has named it.
        tables.iter_mut().for_each(|table| table.columns.retain(|column| types.contains_key(&column.type_oid)));
        let conditions = self.conditions();
        let mut planned = Vec::with_capacity(tables.len() + 1);
        for table in &tables {
            planned.push(self.table(table, &types, conditions.get(&table.oid)));
        }
        self.tell_kept_as_text(&self.kept_as_text(&tables, &types));
        planned.extend(large_objects);
        Ok(DumpPlan::arrange(planned))
    }

    fn refuse(&self, tables: &[TableFacts]) -> Result<()> {
        let named = |is: fn(&TableFacts) -> bool| -> Vec<String> {
            tables.iter().filter(|table| is(table)).map(|table| format!("{}.{}", table.schema, table.name)).collect()
        };
        let changed = named(|table| table.changed);
        if !changed.is_empty() {
            return Err(SourceError::Changed(changed).into());
        }
        let unreadable = named(|table| !table.readable);
        if !unreadable.is_empty() {
            return Err(SourceError::Unreadable(unreadable).into());
        }
        let hidden = named(|table| table.row_security);
        if !hidden.is_empty() && !self.options.row_security {
            return Err(SourceError::RowSecurity(hidden).into());
        }
        Ok(())
    }

    /// Conditions of extension configuration tables.
    fn conditions(&self) -> BTreeMap<Oid, String> {
        let extensions = self.catalog.objects.iter().filter_map(|object| match &object.body {
            Body::Extension(extension) => Some(extension),
            _ => None,
        });
        extensions
            .flat_map(|extension| &extension.config)
            .filter(|config| !config.condition.is_empty())
            .map(|config| (config.relation, config.condition.clone()))
            .collect()
    }

    fn table(
        &self,
        table: &TableFacts,
        types: &BTreeMap<Oid, TypeFacts>,
        condition: Option<&String>,
    ) -> (PlannedTable, Vec<Span>) {
        let bytes = table.heap_bytes + table.toast_bytes;
        let tag = (self.tag)(&table.schema, &table.name);
        let blocks = u32::try_from(table.heap_bytes.div_ceil(HEAP_PAGE)).unwrap_or(u32::MAX);
        let splittable = table.heap && table.kind == 'r' && condition.is_none();
        let remembered = self.grids.get(&tag).copied();
        let (spans, memory) = if splittable {
            let memory = grid::choose(TableSize { blocks, bytes }, self.options.chunk_target, remembered);
            (split::split(blocks, memory), Some((tag, memory)))
        } else {
            (vec![Span::WHOLE], None)
        };
        let planned = PlannedTable {
            kind: DataKind::Table,
            object: Some(ObjectId { class: crate::catalog::Class::Relation, oid: table.oid }),
            schema: table.schema.clone(),
            name: table.name.clone(),
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            format: self.chosen(table, types).format,
            condition: condition.cloned(),
            locked: table.kind == 'r',
            bytes,
            grid: memory,
        };
        (planned, spans)
    }

    fn chosen(&self, table: &TableFacts, types: &BTreeMap<Oid, TypeFacts>) -> Chosen {
        let columns: Vec<Oid> = table.columns.iter().map(|column| column.type_oid).collect();
        copy_format::choose(self.options.copy_format, &columns, |oid| types.get(&oid).copied())
    }

    /// Named up to a bound; `show` tells every table's format.
    fn tell_kept_as_text(&self, kept: &[String]) {
        let (named, rest) = kept.split_at(kept.len().min(NAMED));
        if named.is_empty() {
            return;
        }
        let mut message = format!("no exact and portable binary form, copied as text: {}", named.join(", "));
        if !rest.is_empty() {
            message.push_str(&format!(" and {} more", rest.len()));
        }
        self.news.tell(Event::Warning { message });
    }

    /// Tables that stay text although binary was asked for, with the column that keeps them.
    fn kept_as_text(&self, tables: &[TableFacts], types: &BTreeMap<Oid, TypeFacts>) -> Vec<String> {
        let kept = |table: &TableFacts| {
            let column = table.columns.get(self.chosen(table, types).kept_by?)?;
            Some(format!("{}.{} (column {})", table.schema, table.name, column.name))
        };
        tables.iter().filter_map(kept).collect()
    }

    async fn large_objects(&self) -> Result<Option<(PlannedTable, Vec<Span>)>> {
        if !self.large_objects {
            return Ok(None);
        }
        let facts = large_objects::facts(self.reader.client(), self.options.chunk_target).await?;
        if facts.count == 0 {
            return Ok(None);
        }
        let planned = PlannedTable {
            kind: DataKind::LargeObjects,
            object: None,
            schema: String::new(),
            name: "large objects".to_owned(),
            columns: Vec::new(),
            format: CopyFormat::Binary,
            condition: None,
            locked: false,
            bytes: facts.bytes,
            grid: None,
        };
        Ok(Some((planned, facts.spans)))
    }
}

/// Remembered grids of a plan, for the manifest.
pub fn grids(plan: &DumpPlan) -> BTreeMap<TableTag, GridMemory> {
    plan.tables.iter().filter_map(|table| table.grid).collect()
}
