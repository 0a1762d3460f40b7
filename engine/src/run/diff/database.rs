//! The live side of a comparison: its catalog, which tables the dump does not have, and the rows of those it has.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::data::{self, Counted, Name, Rows, Stock};
use crate::catalog::{Body, Catalog, ObjectId};
use crate::ddl::{self, Carried, Dialect, Entry, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::contents::{Contents, DataKind, TableData};
use crate::introspect::Positions;
use crate::run::fingerprint::{self, Comparison};
use crate::run::options::Surroundings;
use crate::run::schema;
use crate::source::facts;
use crate::source::holder::Holder;
use crate::source::lane::LaneOptions;
use crate::source::reader::CatalogReader;

/// A database at one moment.
pub(super) struct Live {
    /// Its schema.
    pub catalog: Catalog,
    entries: Vec<Entry>,
    /// Tables with rows that the dump does not have.
    others: Vec<Name>,
}

/// Reads the schema of a database, and which of the tables that `contents` do not have are not empty.
pub(super) async fn read(options: &LaneOptions, contents: &Contents, around: &Surroundings) -> Result<Live> {
    around.news.tell(Event::Phase { name: "introspect" });
    let (holder, reader) = Holder::open(options).await?;
    let read = tokio::select! {
        biased;
        () = around.stop.cancelled() => Err(Error::new(Kind::Cancelled, "stopped while reading the schema")),
        read = look((&holder, &reader), contents) => read,
    };
    drop(reader);
    holder.cancel().await;
    read
}

async fn look((holder, reader): (&Holder, &CatalogReader), contents: &Contents) -> Result<Live> {
    let catalog = schema::catalog(holder, reader, Positions::Read).await?;
    let entries = ddl::write(&catalog, Dialect { target: catalog.server.version }).entries;
    let known: BTreeSet<Name> = contents.tables.iter().map(data::name).collect();
    let tables = entries.iter().filter(|entry| entry.kind == EntryKind::TableData);
    let names = tables.map(|entry| (entry.schema.clone().unwrap_or_default(), entry.name.clone()));
    let others: Vec<Name> = names.filter(|name| !known.contains(name)).collect();
    let asked: Vec<(&str, &str)> = others.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    let sizes = facts::sizes(reader.client(), &asked).await?;
    // What is no heap has no size in blocks; it may hold rows.
    let others = others.iter().zip(&sizes).filter(|(_, size)| **size != Some(0)).map(|(name, _)| name.clone());
    let mut others: Vec<Name> = others.collect();
    let carried = contents.tables.iter().any(|table| table.kind == DataKind::LargeObjects);
    if !carried && catalog.objects.iter().any(|object| matches!(object.body, Body::LargeObject(_))) {
        others.push((String::new(), "large objects".to_owned()));
    }
    Ok(Live { catalog, entries, others })
}

impl Live {
    /// The data of the dump and of the database: every table of the dump that can be read in the same way is.
    pub(super) async fn stocks(
        &self,
        contents: &Contents,
        options: &LaneOptions,
        lanes: usize,
        around: &Surroundings,
    ) -> Result<(Stock, Stock)> {
        let columns = self.columns();
        let mine = Stock::of_dump(contents);
        let mut theirs = Stock::of_catalog(&self.catalog, self.entries.iter().map(Carried::from));
        let is_there = |name: &Name| columns.contains_key(name);
        let readable = |table: &&TableData| match table.kind {
            DataKind::LargeObjects => true,
            DataKind::Table => columns.get(&data::name(table)).is_some_and(|columns| {
                table.columns.iter().all(|column| columns.contains(&column.as_str()))
                    && columns.len() == table.columns.len()
            }),
        };
        let (asked, rest): (Vec<&TableData>, Vec<&TableData>) = contents.tables.iter().partition(readable);
        for name in rest.into_iter().map(data::name).filter(is_there) {
            theirs.tables.insert(name, Rows::Unread("the columns are not the same".to_owned()));
        }
        theirs.tables.extend(self.others.iter().map(|name| (name.clone(), Rows::Uncounted)));
        let asked: Vec<TableData> = asked.into_iter().cloned().collect();
        let encoding = &contents.header.encoding;
        around.news.tell(Event::Phase { name: "verify" });
        let compared = fingerprint::compare(options, asked.clone(), encoding, lanes, around).await?;
        for (table, comparison) in asked.iter().zip(compared) {
            let rows = match comparison {
                Comparison::Equal(reading) | Comparison::Differs(reading) => {
                    let mut counted = Counted::of(table, encoding);
                    (counted.rows, counted.fingerprint) = (reading.rows, reading.fingerprint);
                    Rows::Counted(counted)
                }
                Comparison::Unread(problem) => Rows::Unread(problem),
            };
            theirs.tables.insert(data::name(table), rows);
        }
        Ok((mine, theirs))
    }

    /// Columns that COPY carries, of every table.
    fn columns(&self) -> BTreeMap<Name, Vec<&str>> {
        let data = self.entries.iter().filter(|entry| entry.kind == EntryKind::TableData);
        let data: HashSet<ObjectId> = data.filter_map(|entry| entry.object).collect();
        let tables = self.catalog.objects.iter().filter(|object| data.contains(&object.id));
        tables
            .filter_map(|object| match &object.body {
                Body::Table(table) => {
                    let carried = table.columns.iter().filter(|column| column.generated.is_none());
                    let name = (object.schema.clone().unwrap_or_default(), object.name.clone());
                    Some((name, carried.map(|column| column.name.as_str()).collect()))
                }
                _ => None,
            })
            .collect()
    }
}
