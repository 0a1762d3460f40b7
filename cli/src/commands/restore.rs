//! `pgfreight restore`.

use pgfreight_engine::ddl::Toc;
use pgfreight_engine::plan::select_entries::print_list;
use pgfreight_engine::run;
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::run::report::RestoreReport;
use pgfreight_engine::run::restore::{RestorePreview, preview};
use serde_json::json;

use super::{Failure, Session, idle_text, losses_text};
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::args::restore::RestoreArgs;
use crate::exit::Exit;
use crate::report::text;
use crate::secrets;

pub(super) async fn run(args: &RestoreArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    let target = match args.filters.list {
        true => None,
        false => Some(resolve::connection(layers, &args.connection, None, Side::Target)?),
    };
    let (options, allow_losses) = resolve::restore_options(layers, args)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    if args.identity.allow_unsigned {
        session.reporter.warn("--allow-unsigned: whoever can write to the store may have made this dump");
    }
    let Some(target) = target else {
        let dump = access.find(&args.dump).await?;
        let toc = Toc { entries: dump.contents.entries.clone() };
        let list = print_list(&toc, &dump.contents.catalog.database.name);
        session.reporter.answer("restore", Exit::Ok, &json!({ "list": list }), &list)?;
        return Ok(Exit::Ok);
    };
    let dump = access.find_without_entries(&args.dump).await?;
    for warning in target.warnings() {
        session.reporter.warn(warning);
    }
    let running = session.reporter.run(&session.stop);
    if options.dry_run {
        let outcome = preview(&dump, &target, &options, &running.around).await;
        running.end();
        return dry_run("restore", session, &outcome?, allow_losses);
    }
    let outcome = run::restore::restore(access.repository(), &dump, &target, &options, &running.around).await;
    running.end();
    let report = outcome?;
    let exit = Exit::with_losses(report.losses.len(), allow_losses);
    session.reporter.summary("restore", exit, &report, &told(&report))?;
    Ok(exit)
}

/// Prints what a restore or a copy would do.
pub(super) fn dry_run(
    verb: &'static str,
    session: &Session<'_>,
    preview: &RestorePreview,
    allow_losses: bool,
) -> Result<Exit, Failure> {
    let exit = Exit::with_losses(preview.losses.len(), allow_losses);
    let mut text = format!("{preview}");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if preview.resumed_chunks > 0 {
        text.push_str(&format!("{} loaded by an interrupted run\n", text::plural(preview.resumed_chunks, "chunk")));
    }
    for (class, name, reason) in &preview.losses {
        text.push_str(&format!("would not be carried: {class} {name}: {reason}\n"));
    }
    let report = json!({
        "dry_run": true, "globals": preview.globals.len(), "entries": preview.entries.len(), "resumed_chunks": preview.resumed_chunks,
        "losses": preview.losses, "jobs": preview.jobs.as_ref().map(|choice| choice.jobs), "plan": text,
    });
    session.reporter.answer(verb, exit, &report, &text)?;
    Ok(exit)
}

fn told(report: &RestoreReport) -> String {
    let mut out = format!(
        "restored {}{}\n  {} with {} rows, {} raw and {} in {} ({})\n",
        report.dump,
        if report.losses.is_empty() { "" } else { " with losses" },
        text::plural(report.tables, "table"),
        text::count(report.rows),
        text::bytes(report.raw_bytes),
        text::plural(report.entries, "schema object"),
        text::seconds(report.seconds),
        text::rate(report.raw_bytes, report.seconds),
    );
    if report.globals > 0 {
        out.push_str(&format!("  {} made\n", text::plural(report.globals, "cluster-wide object")));
    }
    if report.resumed_chunks > 0 {
        out.push_str(&format!("  {} loaded by an interrupted run\n", text::plural(report.resumed_chunks, "chunk")));
    }
    if report.proved_tables > 0 {
        let proved = text::plural(report.proved_tables, "table");
        out.push_str(&format!("  {proved} read back and proved equal to what was dumped\n"));
    }
    out.push_str(&idle_text(report.jobs, report.idle_seconds, report.seconds));
    out.push_str(&losses_text(&report.losses));
    out
}
