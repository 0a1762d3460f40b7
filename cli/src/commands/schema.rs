//! `pgfreight schema`.

use std::fs;
use std::path::Path;

use pgfreight_engine::run::reader::Access;
use pgfreight_engine::run::report::Loss;
use pgfreight_engine::run::schema::{self, SchemaText};
use pgfreight_engine::{Error, Kind};
use serde::Serialize;
use serde_json::json;

use super::{Failure, Session};
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::args::schema::SchemaArgs;
use crate::exit::Exit;
use crate::report::text;
use crate::secrets;

pub(super) async fn run(args: &SchemaArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    if args.dump.is_some() && args.connection.is_given() {
        return Err(Error::new(Kind::Usage, "a dump and a live database were both named")
            .hint("Name a dump, or a database with -d.")
            .into());
    }
    let found = if args.connection.is_given() {
        let source = resolve::connection(layers, &args.connection, None, Side::Source)?;
        if session.explains(layers)? {
            return Ok(Exit::Ok);
        }
        schema::of_database(&source, None, args.globals).await?
    } else {
        let store = resolve::store(layers, &args.repo)?;
        let sources = resolve::identity_sources(layers, &args.identity)?;
        if session.explains(layers)? {
            return Ok(Exit::Ok);
        }
        let identities = secrets::identities(&sources.files, &sources.passphrase)?;
        let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
        schema::of_dump(&access.find(args.dump.as_deref().unwrap_or("latest")).await?, args.globals)?
    };
    let exit = Exit::with_losses(found.losses.len(), false);
    for loss in &found.losses {
        session.reporter.warn(&format!("not carried: {} {}: {}", loss.class, loss.name, loss.reason));
    }
    match &args.split {
        Some(folder) => split(folder, &found, session, exit)?,
        None => {
            let script = found.script();
            let report = Script { sql: &script, losses: &found.losses };
            session.reporter.answer("schema", exit, &report, &script)?;
        }
    }
    Ok(exit)
}

/// The answer for programs.
#[derive(Serialize)]
struct Script<'a> {
    sql: &'a str,
    losses: &'a [Loss],
}

/// Writes one file per object. Files of objects that are gone stay: version control shows them, and we delete nothing.
fn split(folder: &Path, found: &SchemaText, session: &Session<'_>, exit: Exit) -> Result<(), Failure> {
    let refused =
        |path: &Path, error| Error::new(Kind::Usage, format!("cannot write {}", path.display())).because(error);
    let files = found.split();
    for (name, text) in &files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| refused(parent, error))?;
        }
        fs::write(&path, text).map_err(|error| refused(&path, error))?;
    }
    let names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
    let text = format!("{} written to {}\n", text::plural(files.len() as u64, "file"), folder.display());
    Ok(session.reporter.summary("schema", exit, &json!({ "files": names, "losses": found.losses }), &text)?)
}
