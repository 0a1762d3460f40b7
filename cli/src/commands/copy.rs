//! `pgfreight copy`.

use pgfreight_engine::run;
use pgfreight_engine::run::report::CopyReport;

use super::restore::dry_run;
use super::{Failure, Session, losses_text};
use crate::args::copy::CopyArgs;
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::exit::Exit;
use crate::report::text;

pub(super) async fn run(args: &CopyArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let source = resolve::connection(layers, &args.connection, args.database.as_ref(), Side::Source)?;
    let target = resolve::copy_target(layers, args, &source)?;
    let (options, allow_losses) = resolve::copy_options(layers, args)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    for warning in source.warnings().iter().chain(target.warnings()) {
        session.reporter.warn(warning);
    }
    let running = session.reporter.run(&session.stop);
    if options.target.dry_run {
        let outcome = run::copy::preview(&source, &target, &options, &running.around).await;
        running.end();
        return dry_run("copy", session, &outcome?, allow_losses);
    }
    let outcome = Box::pin(run::copy::copy(&source, &target, &options, &running.around)).await;
    running.end();
    let report = outcome?;
    let exit = Exit::with_losses(report.losses.len(), allow_losses);
    session.reporter.summary("copy", exit, &report, &told(&report, source.database(), target.database()))?;
    Ok(exit)
}

fn told(report: &CopyReport, source: &str, target: &str) -> String {
    let mut out = format!(
        "copied {source} into {target}\n  {} with {} rows, {} raw and {} in {} ({})\n",
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
        let chunks = text::plural(report.resumed_chunks, "chunk");
        out.push_str(&format!("  {chunks} loaded by an interrupted run, and the same at the source still\n"));
    }
    if report.restarts > 0 {
        let times = text::plural(report.restarts.into(), "time");
        out.push_str(&format!("  gone on {times} under a new snapshot\n"));
    }
    if report.proved_tables > 0 {
        let proved = text::plural(report.proved_tables, "table");
        out.push_str(&format!("  {proved} read back and proved equal to the source\n"));
    }
    out.push_str(&losses_text(&report.losses));
    out
}
