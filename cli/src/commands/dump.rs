//! `pgfreight dump`.

use pgfreight_engine::run;
use pgfreight_engine::run::report::DumpReport;
use pgfreight_engine::store::{Pin, Repository, Store};

use super::{Failure, Session, idle_text, losses_text};
use crate::args::dump::DumpArgs;
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::exit::Exit;
use crate::report::text;
use crate::secrets;

/// An upload this old belongs to no run that is still going on.
const ABANDONED: chrono::TimeDelta = chrono::TimeDelta::days(1);

pub(super) async fn run(args: &DumpArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let url = resolve::repo_url(layers, &args.repo)?;
    let store = resolve::store(layers, &args.repo)?;
    let key_path = resolve::writer_key_path(layers, args.writer_key.as_ref(), &url)?;
    let source = resolve::connection(layers, &args.connection, args.database.as_ref(), Side::Source)?;
    let (options, allow_losses) = resolve::dump_options(layers, args)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let writer = secrets::writer_key(&key_path, |warning| session.reporter.warn(warning))?;
    for warning in source.warnings() {
        session.reporter.warn(warning);
    }
    let repository = Repository::open(Store::open(&store).await?, Pin::Writer(&writer)).await?;
    let running = session.reporter.run(&session.stop);
    let outcome = Box::pin(run::dump::dump(&repository, &writer, &source, &options, &running.around)).await;
    running.end();
    let report = outcome?;
    if let Err(error) = repository.sweep_uploads(chrono::Utc::now() - ABANDONED).await {
        session.reporter.warn(&format!("what interrupted uploads left behind was not removed: {error}"));
    }
    let exit = Exit::with_losses(report.losses.len(), allow_losses);
    session.reporter.summary("dump", exit, &report, &told(&report))?;
    Ok(exit)
}

fn told(report: &DumpReport) -> String {
    let ratio = if report.stored_bytes > 0 { report.raw_bytes as f64 / report.stored_bytes as f64 } else { 1.0 };
    let mut out = format!(
        "dumped {}\n  {} with {} rows, {} raw in {} ({})\n  {} stored ({ratio:.1} to 1), {} uploaded",
        report.dump,
        text::plural(report.tables, "table"),
        text::count(report.rows),
        text::bytes(report.raw_bytes),
        text::seconds(report.seconds),
        text::rate(report.raw_bytes, report.seconds),
        text::bytes(report.stored_bytes),
        text::bytes(report.uploaded_bytes),
    );
    if report.reused_chunks > 0 {
        let (reused, chunks) = (text::count(report.reused_chunks), text::plural(report.chunks, "chunk"));
        out.push_str(&format!("; {reused} of {chunks} were stored already"));
    }
    if report.restarts > 0 {
        out.push_str(&format!("; begun again {} under a new snapshot", text::plural(report.restarts.into(), "time")));
    }
    out.push('\n');
    out.push_str(&idle_text(report.jobs, report.idle_seconds, report.seconds));
    out.push_str(&losses_text(&report.losses));
    out
}
