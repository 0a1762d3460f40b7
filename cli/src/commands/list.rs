//! `pgfreight list`.

use pgfreight_engine::run;
use pgfreight_engine::run::inspect::DumpList;
use pgfreight_engine::run::reader::Access;

use super::{Failure, Session};
use crate::args::list::ListArgs;
use crate::args::merge::Layers;
use crate::args::resolve;
use crate::exit::Exit;
use crate::report::text::{self, Align};
use crate::secrets;

pub(super) async fn run(args: &ListArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    let list = run::list(&access).await?;
    session.reporter.answer("list", Exit::Ok, &list, &table(&list))?;
    Ok(Exit::Ok)
}

fn table(list: &DumpList) -> String {
    let head = [
        ("dump", Align::Left),
        ("finished (UTC)", Align::Left),
        ("database", Align::Left),
        ("server", Align::Left),
        ("tables", Align::Right),
        ("rows", Align::Right),
        ("raw", Align::Right),
        ("stored", Align::Right),
        ("signature", Align::Left),
    ];
    let unknown = || "-".to_owned();
    let rows: Vec<Vec<String>> = list
        .dumps
        .iter()
        .map(|dump| {
            let mut signature = dump.signature.to_owned();
            if let Some(losses @ 1..) = dump.losses {
                signature.push_str(&format!(", {losses} not carried"));
            }
            vec![
                dump.dump.to_string(),
                dump.finished.format("%Y-%m-%d %H:%M:%S").to_string(),
                dump.database.clone().unwrap_or_else(unknown),
                dump.server.clone().unwrap_or_else(unknown),
                dump.tables.map_or_else(unknown, text::count),
                dump.rows.map_or_else(unknown, text::count),
                dump.raw_bytes.map_or_else(unknown, text::bytes),
                text::bytes(dump.stored_bytes),
                signature,
            ]
        })
        .collect();
    let mut out = text::table(&head, &rows);
    if rows.is_empty() {
        out = "no dumps yet\n".to_owned();
    }
    let problems = list.dumps.iter().filter_map(|dump| Some((&dump.dump, dump.problem.as_ref()?)));
    for (dump, problem) in problems.chain(list.refused.iter().map(|(dump, problem)| (dump, problem))) {
        out.push_str(&format!("refused: {dump}: {problem}\n"));
    }
    if !list.encrypted {
        out.push_str("NOT ENCRYPTED: whoever can read the store can read every dump\n");
    }
    out
}
