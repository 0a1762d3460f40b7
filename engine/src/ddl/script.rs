//! A table of contents as text: one file that `psql` loads by itself, or one file per object for version control.
//!
//! Deterministic: nothing of the moment, the server's address or the run gets in. Statements that hold secrets are left
//! out and said so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Carried, Entry, EntryKind, INVALID_INDEX, Section, Toc};
use crate::catalog::ObjectId;
use crate::sql::quote_ident;

/// Session settings a script needs: names come qualified, bodies are not checked before what they use exists, and the
/// loader's own habits do not matter.
const PREAMBLE: &str = "\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
";

/// The schema as one SQL file: everything but data, the database itself and secrets; the cluster's objects in front, if they
/// are in the table of contents. Large objects are left to the data.
pub fn script(toc: &Toc) -> String {
    let mut out = String::from(PREAMBLE);
    let mut settings = Settings::default();
    let secrets = secrets(toc);
    for entry in toc.entries.iter().filter(|entry| is_schema(entry)) {
        write_entry(&mut out, entry, &mut settings, Some(&secrets));
    }
    out
}

/// Objects that statements with secrets make: nothing about them can be said where those are left out.
fn secrets(toc: &Toc) -> BTreeSet<ObjectId> {
    let makes = |entry: &&Entry| entry.secret && entry.kind == EntryKind::Create;
    toc.entries.iter().filter(makes).filter_map(|entry| entry.object).collect()
}

/// What a restore runs before or after the data, as one SQL file with everything in it, secrets too: positions of sequences and contents
/// of materialized views stand after the data.
pub fn section(toc: &Toc, after_data: bool) -> String {
    let mut out = String::from(PREAMBLE);
    let mut settings = Settings::default();
    let is_data = |entry: &Entry| matches!(entry.kind, EntryKind::TableData | EntryKind::Blobs);
    let wanted = |entry: &&Entry| {
        let elsewhere = entry.is_about_database() || entry.is_about_cluster();
        (entry.section != Section::PreData) == after_data && !is_data(entry) && !elsewhere
    };
    for entry in toc.entries.iter().filter(wanted) {
        write_entry(&mut out, entry, &mut settings, None);
    }
    out
}

/// The schema as files: relative path and text, sorted by path. What belongs to a table (indexes, triggers, comments, …)
/// stands in the table's file. The files of a directory are not meant to be loaded in any order; [`script`] is.
pub fn split(toc: &Toc) -> Vec<(String, String)> {
    let mut files: BTreeMap<String, (String, Settings)> = BTreeMap::new();
    let (homes, secrets) = (homes(toc), secrets(toc));
    for entry in toc.entries.iter().filter(|entry| is_schema(entry)) {
        let path = entry.relation.or(entry.object).and_then(|id| homes.get(&id).cloned());
        let (out, settings) = files.entry(path.unwrap_or_else(|| path_of(entry))).or_default();
        write_entry(out, entry, settings, Some(&secrets));
    }
    files.into_iter().map(|(path, (text, _))| (path, text)).collect()
}

/// The file of each object: that of the first entry about it.
fn homes(toc: &Toc) -> BTreeMap<ObjectId, String> {
    let mut homes = BTreeMap::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for entry in toc.entries.iter().filter(|entry| is_schema(entry) && entry.kind == EntryKind::Create) {
        let Some(id) = entry.object else { continue };
        if homes.contains_key(&id) {
            continue;
        }
        if let Some(path) = entry.relation.and_then(|relation| homes.get(&relation)).cloned() {
            homes.insert(id, path);
            continue;
        }
        let path = path_of(entry);
        // Names that differ only where a file system sees no difference get a number.
        let seen = taken.entry(path.to_lowercase()).or_default();
        *seen += 1;
        let path = if *seen == 1 { path } else { path.replace(".sql", &format!("~{seen}.sql")) };
        homes.insert(id, path);
    }
    homes
}

/// `schema/table/name.sql`; objects without a schema under their kind.
fn path_of(entry: &Entry) -> String {
    let kind = entry.desc.to_lowercase().replace(' ', "_");
    let name = file_name(&entry.name);
    match &entry.schema {
        Some(schema) => format!("{}/{kind}/{name}.sql", file_name(schema)),
        None => format!("{kind}/{name}.sql"),
    }
}

/// A name as a file name: what a file system or shell may not like is written as `%xx`; at most 120 bytes.
fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | ',' | '(' | ')' | ' ' | '.'
                if !safe.is_empty() || c != '.' =>
            {
                safe.push(c);
            }
            _ => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(safe, "%{byte:02x}");
                }
            }
        }
        if safe.len() > 120 {
            break;
        }
    }
    safe
}

/// Whether an entry is schema: no rows, positions or contents, not the database itself, no large object.
pub fn is_schema(entry: &Entry) -> bool {
    Carried::from(entry).is_schema()
}

/// Tablespace and access method in force.
#[derive(Debug, Default)]
struct Settings {
    tablespace: Option<String>,
    access_method: Option<String>,
}

/// Without `secrets` everything is written.
fn write_entry(out: &mut String, entry: &Entry, settings: &mut Settings, secrets: Option<&BTreeSet<ObjectId>>) {
    // What the target has by itself (`public` with its usual owner) is an entry without a word to say.
    if entry.create.is_empty() && entry.set_owner.is_none() && entry.losses.is_empty() {
        return;
    }
    let name = entry.schema.as_ref().map_or(entry.name.clone(), |schema| format!("{schema}.{}", entry.name));
    let _ = writeln!(out, "\n-- {} {}", entry.desc, name.replace(['\n', '\r'], " "));
    write_losses(out, entry);
    let of_secret = |secrets: &BTreeSet<ObjectId>| entry.object.is_some_and(|id| secrets.contains(&id));
    if secrets.is_some_and(|secrets| entry.secret || of_secret(secrets)) {
        out.push_str("-- left out: holds a secret\n");
        return;
    }
    if entry.desc == INVALID_INDEX {
        out.push_str("-- left out: a failed CREATE INDEX CONCURRENTLY left it invalid on the source\n");
        return;
    }
    write_statements(out, entry, settings);
}

/// An entry by itself, with secrets: what it loses, the settings it runs under, its statements.
pub(super) fn single(entry: &Entry) -> String {
    let mut out = String::new();
    write_losses(&mut out, entry);
    write_statements(&mut out, entry, &mut Settings::default());
    out
}

fn write_losses(out: &mut String, entry: &Entry) {
    for loss in &entry.losses {
        let _ = writeln!(out, "-- not carried: {}", loss.replace(['\n', '\r'], " "));
    }
}

fn write_statements(out: &mut String, entry: &Entry, settings: &mut Settings) {
    if entry.kind == EntryKind::Create && !entry.create.is_empty() {
        settings.apply(out, entry);
    }
    for statement in entry.create.iter().chain(&entry.set_owner) {
        out.push_str(statement);
        // A statement that ends in a comment must not swallow the semicolon.
        out.push_str(if statement.lines().last().is_some_and(|line| line.contains("--")) { "\n;\n" } else { ";\n" });
    }
}

impl Settings {
    fn apply(&mut self, out: &mut String, entry: &Entry) {
        if self.tablespace != entry.tablespace {
            let name = entry.tablespace.as_deref().map_or("''".into(), quote_ident);
            let _ = writeln!(out, "SET default_tablespace = {name};");
            self.tablespace.clone_from(&entry.tablespace);
        }
        if self.access_method != entry.access_method {
            let name = quote_ident(entry.access_method.as_deref().unwrap_or("heap"));
            let _ = writeln!(out, "SET default_table_access_method = {name};");
            self.access_method.clone_from(&entry.access_method);
        }
    }
}
