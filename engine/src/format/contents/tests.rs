//! Lines, their order, and what does not fit together.

use std::sync::Arc;

use super::super::samples;
use super::read::Line;
use super::*;
use crate::format::canonical::{self, CanonicalError};
use crate::format::catalog_line;

fn text(contents: &Contents) -> String {
    let mut bytes = Vec::new();
    contents.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn round_trips_line_by_line() {
    let contents = samples::contents();
    let text = text(&contents);
    assert_eq!(text.lines().count(), 4);
    assert!(text.ends_with("{\"entries\":0,\"line\":\"end\",\"tables\":1}\n"), "{text}");
    assert_eq!(Contents::read(text.as_bytes()).unwrap(), contents);
    assert_eq!(contents.check(&samples::manifest()), Ok(()));
}

#[test]
fn what_entries_say_can_be_left_out_when_they_are_read() {
    let mut contents = samples::contents();
    let dialect = crate::ddl::Dialect { target: contents.catalog.server.version };
    contents.entries = crate::ddl::write(&contents.catalog, dialect).entries;
    let text = text(&contents);
    let read = Contents::read_without_entries(text.as_bytes()).unwrap();
    contents.forget_entries();
    assert_eq!(read, contents);
    let broken = text.replacen("\"line\":\"entry\"", "\"lines\":\"entry\"", 1);
    assert!(broken != text && Contents::read_without_entries(broken.as_bytes()).is_err());
}

/// What is asked for on the way stands where it belongs, and what cannot be had is an error.
#[test]
fn unfinished_contents_are_written_as_finished_ones() {
    let mut contents = samples::contents();
    let dialect = crate::ddl::Dialect { target: contents.catalog.server.version };
    contents.entries = crate::ddl::write(&contents.catalog, dialect).entries;
    let written = |entries: std::io::Result<Vec<Entry>>, tables: std::io::Result<Vec<TableData>>| {
        let (header, catalog) = (contents.header.clone(), Arc::new(contents.catalog.clone()));
        let mut bytes = Vec::new();
        let unfinished = Unfinished { header, catalog, entries: || entries, tables: || tables };
        unfinished.write(&mut bytes).map(|()| String::from_utf8(bytes).unwrap())
    };
    let (entries, tables) = (contents.entries.clone(), contents.tables.clone());
    assert_eq!(written(Ok(entries.clone()), Ok(tables.clone())).unwrap(), text(&contents));
    let failed = || std::io::Error::other("failed");
    assert_eq!(written(Err(failed()), Ok(tables)).unwrap_err().to_string(), "failed");
    assert_eq!(written(Ok(entries), Err(failed())).unwrap_err().to_string(), "failed");
}

#[test]
fn forgotten_entries_are_known_by_what_tells_them_apart_and_never_written() {
    let mut contents = samples::contents();
    let dialect = crate::ddl::Dialect { target: contents.catalog.server.version };
    contents.entries = crate::ddl::write(&contents.catalog, dialect).entries;
    let carried: Vec<Carried> = contents.carried().collect();
    assert_eq!(carried.iter().map(|entry| entry.id).collect::<Vec<_>>(), [1]);
    for _ in 0..2 {
        contents.forget_entries();
        assert_eq!((contents.entries.len(), contents.carried().collect::<Vec<_>>()), (0, carried.clone()));
    }
    contents.write(&mut Vec::new()).unwrap_err();
}

/// The long line is written in pieces, and is the same byte for byte.
#[test]
fn the_catalog_in_pieces_is_the_catalog_as_a_whole() {
    let mut catalog = samples::contents().catalog;
    let whole = |catalog: &Catalog| {
        String::from_utf8(canonical::encode(&Line::Catalog(Box::new(catalog.clone()))).unwrap()).unwrap()
    };
    for _ in 0..2 {
        let mut pieces = Vec::new();
        catalog_line::write(&catalog, &mut pieces).unwrap();
        assert_eq!(String::from_utf8(pieces).unwrap(), whole(&catalog));
        // The second time with everything that may be absent, and more than one of what there is a list of.
        let id = |oid| ObjectId { class: crate::catalog::Class::Schema, oid: crate::ids::Oid(oid) };
        let schema = |oid| {
            let body = crate::catalog::Body::Schema(crate::catalog::schema::Schema::default());
            crate::catalog::Object::new(id(oid), format!("it's \"{oid}\"\n"), body)
        };
        catalog.objects = vec![schema(1), schema(2)];
        let edge = |dependent, referenced| crate::catalog::Edge {
            dependent: id(dependent),
            referenced: id(referenced),
            kind: 'n',
            column: 0,
            referenced_column: 1,
            by_rule: false,
        };
        catalog.edges = vec![edge(1, 2), edge(2, 1)];
        let known = crate::catalog::planner_statistics::PlannerStatistics {
            relation: id(1),
            pages: 1,
            tuples: "1e+06".into(),
            all_visible: 2,
            all_frozen: None,
            columns: Vec::new(),
        };
        catalog.planner_statistics = vec![known.clone(), known];
        catalog.globals = Some(crate::catalog::Globals::default());
    }
    let mut line = whole(&catalog).into_bytes();
    assert!(catalog_line::check(&catalog, &line).is_ok());
    let last = line.len() - 1;
    line[last] = b' ';
    let wrong = |line: &[u8]| match catalog_line::check(&catalog, line) {
        Err(CanonicalError::Spelling { at }) => Some(at),
        _ => None,
    };
    assert!(wrong(&line).is_some_and(|at| at <= last));
    assert!(wrong(&line[..last]).is_some());
    assert_eq!(wrong(&[whole(&catalog).as_bytes(), b" "].concat()), Some(last + 1));
}

#[test]
fn the_clusters_objects_are_a_field_and_a_capability_more() {
    let mut contents = samples::contents();
    assert_eq!(capabilities(&contents.catalog, true), ["age", "census", "copy", "zstd"]);
    let mut role = crate::catalog::globals::Role::new(crate::ids::Oid(9), "r");
    role.valid_until = Some("infinity".into());
    contents.catalog.globals =
        Some(crate::catalog::Globals { bootstrap: "postgres".into(), roles: vec![role], ..Default::default() });
    assert_eq!(capabilities(&contents.catalog, false), ["census", "copy", "globals", "zstd"]);
    let text = text(&contents);
    let globals = "\"globals\":{\"bootstrap\":\"postgres\",\"roles\":[{\"connection_limit\":-1,\"inherit\":true,";
    assert!(text.contains(globals), "{text}");
    assert_eq!(Contents::read(text.as_bytes()).unwrap(), contents);
}

#[test]
fn contents_without_a_census_are_read() {
    let text = text(&samples::contents());
    let from = text.find("\"census\":").unwrap();
    let to = text.find("\"database\":").unwrap();
    let older = format!("{}{}", &text[..from], &text[to..]);
    let read = Contents::read(older.as_bytes()).unwrap();
    assert_eq!(read.catalog.census, None);
    assert_eq!(read.tables, samples::contents().tables);
}

#[test]
fn every_other_text_is_refused() {
    let good = text(&samples::contents());
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let cases = [
        ("empty", String::new()),
        ("cut in a line", good[..good.len() - 5].to_owned()),
        ("no last newline", good.trim_end().to_owned()),
        ("cut at a line", lines[..3].concat()),
        ("table missing", [lines[0], lines[1], lines[3]].concat()),
        ("catalog missing", [lines[0], lines[2], lines[3]].concat()),
        ("something after the end", format!("{good}{}", lines[3])),
        ("order", [lines[1], lines[0], lines[2], lines[3]].concat()),
        ("white space", good.replace("\"line\":\"end\"", "\"line\": \"end\"")),
        ("unknown line", good.replace("\"line\":\"end\"", "\"line\":\"fin\"")),
        ("unknown field", good.replace("\"entries\":0", "\"entries\":0,\"extra\":1")),
        ("fingerprint in upper case", good.replace("fffffff", "FFFFFFF")),
    ];
    for (name, text) in cases {
        assert!(Contents::read(text.as_bytes()).is_err(), "{name}");
        assert!(Contents::read_without_entries(text.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn halves_that_contradict_each_other_are_refused() {
    let manifest = samples::manifest();
    let spoil = |change: &dyn Fn(&mut Contents)| {
        let mut contents = samples::contents();
        change(&mut contents);
        contents.check(&manifest).unwrap_err()
    };
    assert_eq!(spoil(&|c| c.header.dump = samples::dump(2)), Mismatch::Dump(samples::dump(2)));
    assert_eq!(spoil(&|c| c.tables[0].chunks[1].chunk = 2), Mismatch::ChunkIndex { table: 0, chunk: 2 });
    assert_eq!(spoil(&|c| c.tables[0].chunks[1].chunk = 0), Mismatch::Orphan(1));
    assert_eq!(spoil(&|c| c.tables[0].chunks[1].from = 1023), Mismatch::Cover { table: 0 });
    assert_eq!(spoil(&|c| c.tables[0].chunks[0].from = 1), Mismatch::Cover { table: 0 });
    assert_eq!(spoil(&|c| c.tables[0].chunks[1].to = Some(2048)), Mismatch::Cover { table: 0 });
    assert_eq!(spoil(&|c| c.tables[0].chunks.clear()), Mismatch::Cover { table: 0 });
    assert_eq!(spoil(&|c| c.tables[0].rows += 1), Mismatch::Sums { table: 0 });
    assert_eq!(spoil(&|c| c.tables[0].fingerprint.0 ^= 1), Mismatch::Sums { table: 0 });
    assert_eq!(spoil(&|c| c.tables.push(c.tables[0].clone())), Mismatch::Twice { table: 1 });
}
