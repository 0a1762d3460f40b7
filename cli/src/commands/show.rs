//! `pgfreight show`.

use std::fmt::Write;

use pgfreight_engine::catalog::census::Count;
use pgfreight_engine::run;
use pgfreight_engine::run::inspect::{DumpView, EntrySummary};
use pgfreight_engine::run::reader::Access;

use super::{Failure, Session, losses_text};
use crate::args::merge::Layers;
use crate::args::resolve;
use crate::args::show::ShowArgs;
use crate::exit::Exit;
use crate::report::text::{self, Align};
use crate::secrets;

pub(super) async fn run(args: &ShowArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    let view = run::show(&access, &args.dump).await?;
    let text = match (args.list, args.tables) {
        (true, _) => contents(&view),
        (_, true) => tables(&view),
        _ => format!("{}\n{}\n{}{}", head(&view), tables(&view), contents(&view), losses_text(&view.losses)),
    };
    session.reporter.answer("show", Exit::Ok, &view, &text)?;
    Ok(Exit::Ok)
}

fn head(view: &DumpView) -> String {
    let summary = &view.summary;
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<14}{value}");
    };
    line("dump", summary.dump.to_string());
    line("database", summary.database.clone().unwrap_or_default());
    line("server", format!("PostgreSQL {}", summary.server.clone().unwrap_or_default()));
    line("encoding", view.encoding.clone());
    line("finished", summary.finished.format("%Y-%m-%d %H:%M:%S UTC").to_string());
    line("rows", text::count(summary.rows.unwrap_or_default()));
    line("raw", text::bytes(summary.raw_bytes.unwrap_or_default()));
    line("stored", text::bytes(summary.stored_bytes));
    line("encrypted", if summary.encrypted { "yes" } else { "NO" }.to_owned());
    if let Some(census) = &view.census {
        line("catalog rows", counted(census.total()));
    }
    line("signature", format!("{} ({})", summary.signature, summary.writer));
    if !view.options.is_empty() {
        line("options", view.options.join(" "));
    }
    out
}

/// What users made in the system catalogs, and what became of it; the JSON report has it for each catalog.
fn counted(count: Count) -> String {
    let mut text = format!(
        "{} found: {} carried, {} parts of others",
        text::count(count.found),
        text::count(count.carried),
        text::count(count.parts)
    );
    for (rows, what) in [(count.left_out, "left out by filters"), (count.missing(), "NOT CARRIED")] {
        if rows > 0 {
            let _ = write!(text, ", {} {what}", text::count(rows));
        }
    }
    text
}

fn tables(view: &DumpView) -> String {
    let head = [
        ("table", Align::Left),
        ("rows", Align::Right),
        ("raw", Align::Right),
        ("stored", Align::Right),
        ("chunks", Align::Right),
        ("format", Align::Left),
        ("fingerprint", Align::Left),
    ];
    let rows: Vec<Vec<String>> = view
        .tables
        .iter()
        .map(|table| {
            let name =
                if table.schema.is_empty() { table.name.clone() } else { format!("{}.{}", table.schema, table.name) };
            vec![
                name,
                text::count(table.rows),
                text::bytes(table.raw_bytes),
                text::bytes(table.stored_bytes),
                text::count(table.chunks),
                format!("{:?}", table.format).to_lowercase(),
                table.fingerprint.clone(),
            ]
        })
        .collect();
    text::table(&head, &rows)
}

/// pg_restore -l's layout: number; catalog and object OID, description, schema, tag, owner. `restore -L` reads it back.
pub(super) fn contents(view: &DumpView) -> String {
    let mut out = format!(
        ";\n; Table of contents of dump {}\n; database {}, {} entries\n;\n",
        view.summary.dump,
        view.summary.database.as_deref().unwrap_or_default(),
        view.entries.len()
    );
    for entry in &view.entries {
        out.push_str(&content_line(entry));
    }
    out
}

/// Line breaks in names would break the list, as in pg_restore they become blanks.
fn content_line(entry: &EntrySummary) -> String {
    let word = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| text.replace(['\n', '\r'], " "));
    format!(
        "{}; 0 {} {} {} {} {}\n",
        entry.id,
        entry.oid,
        entry.desc,
        word(entry.schema.as_ref()),
        word(Some(&entry.name)),
        entry.owner.as_ref().map_or_else(String::new, |owner| owner.replace(['\n', '\r'], " "))
    )
}
