//! `pgfreight cat`.

use std::io::{self, IsTerminal, Write};

use pgfreight_engine::format::CopyFormat;
use pgfreight_engine::format::contents::TableData;
use pgfreight_engine::run::cat::{Form, cat, find_table};
use pgfreight_engine::run::opened::OpenedDump;
use pgfreight_engine::run::options::Surroundings;
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::{Error, Kind};
use serde_json::{Map, Value};

use super::{Failure, Session};
use crate::args::cat::CatArgs;
use crate::args::merge::Layers;
use crate::args::resolve;
use crate::exit::Exit;
use crate::report::json;
use crate::secrets;

pub(super) async fn run(args: &CatArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    let dump = access.find(&args.dump).await?;
    let (at, table) = find_table(&dump, &args.table)?;
    let json = session.reporter.is_json();
    let form = if args.copy && !json { Form::Copy } else { Form::Text };
    if form == Form::Copy && table.format == CopyFormat::Binary && io::stdout().is_terminal() {
        return Err(Error::new(Kind::Usage, "a binary COPY file would go to the terminal")
            .hint("Leave --copy out for text, or send standard output elsewhere.")
            .into());
    }
    let mut around = Surroundings::quiet();
    around.stop = session.stop.clone();
    let mut sink = Sink::new(table, json);
    if args.header && form == Form::Text && !json {
        sink.write(format!("{}\n", header(table)).as_bytes())?;
    }
    stream(&access, (&dump, at, form), &around, &mut sink).await?;
    Ok(Exit::Ok)
}

async fn stream(
    access: &Access,
    (dump, at, form): (&OpenedDump, usize, Form),
    around: &Surroundings,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut failed = None;
    let mut out = |block: &[u8]| {
        sink.take(block).map_err(|error| {
            failed = Some(error);
            Error::new(Kind::Bug, "standard output cannot be written")
        })
    };
    let outcome = cat(access.repository(), dump, (at, form), around, &mut out).await;
    match failed {
        Some(error) => Err(Failure::Output(error)),
        None => {
            outcome?;
            Ok(sink.end()?)
        }
    }
}

fn header(table: &TableData) -> String {
    table.columns.join("\t")
}

/// Standard output, as COPY text or as one JSON object per row.
struct Sink<'a> {
    out: io::BufWriter<io::Stdout>,
    table: &'a TableData,
    json: bool,
    line: Vec<u8>,
}

impl<'a> Sink<'a> {
    fn new(table: &'a TableData, json: bool) -> Self {
        Self { out: io::BufWriter::with_capacity(1 << 18, io::stdout()), table, json, line: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn take(&mut self, block: &[u8]) -> io::Result<()> {
        if !self.json {
            return self.out.write_all(block);
        }
        for part in block.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let row = row(&self.table.columns, &self.line[..self.line.len() - 1]);
                serde_json::to_writer(&mut self.out, &row)?;
                self.out.write_all(b"\n")?;
                self.line.clear();
            }
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if self.json {
            json::line(
                &serde_json::json!({ "event": "result", "verb": "cat", "exit_code": 0, "rows": self.table.rows }),
            )?;
        }
        Ok(())
    }
}

/// One line of COPY text as `{"event": "row", "columns": {…}}`; values are texts or null.
fn row(columns: &[String], line: &[u8]) -> Value {
    let mut fields = Map::new();
    for (column, field) in columns.iter().zip(line.split(|byte| *byte == b'\t')) {
        let value = if field == b"\\N" {
            Value::Null
        } else {
            Value::String(String::from_utf8_lossy(&unescaped(field)).into_owned())
        };
        fields.insert(column.clone(), value);
    }
    serde_json::json!({ "v": json::VERSION, "event": "row", "columns": fields })
}

/// Undoes COPY's backslashes (manual: "COPY", "Text Format").
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(other) => other,
            None => b'\\',
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_text_becomes_json() {
        let columns = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let row = row(&columns, b"1\t\\N\tx\\ty\\\\N\\n");
        assert_eq!(row["columns"]["a"], "1");
        assert!(row["columns"]["b"].is_null());
        assert_eq!(row["columns"]["c"], "x\ty\\N\n");
    }
}
