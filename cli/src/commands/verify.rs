//! `pgfreight verify`.

use pgfreight_engine::connect;
use pgfreight_engine::run::options::{Surroundings, VerifyOptions};
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::run::report::VerifyReport;
use pgfreight_engine::run::{opened, verify};
use pgfreight_engine::source::lane::LaneOptions;
use pgfreight_engine::{Error, Kind};

use super::{Failure, Session};
use crate::args::connection::ConnectionArgs;
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::args::verify::VerifyArgs;
use crate::exit::Exit;
use crate::report::text;
use crate::secrets;

pub(super) async fn run(args: &VerifyArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    let options = resolve::verify_options(layers, args)?;
    let against = match &args.against {
        Some(dbname) => {
            let said = ConnectionArgs { dbname: Some(dbname.clone()), ..ConnectionArgs::default() };
            Some(resolve::connection(layers, &said, None, Side::Source)?)
        }
        None => None,
    };
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    let running = session.reporter.run(&session.stop);
    let outcome = check(&access, (&args.dump, against), &options, &running.around).await;
    running.end();
    let report = outcome?;
    let exit = if report.problems.is_empty() { Exit::Ok } else { Exit::Failed(Kind::Verification) };
    let text = told(&report);
    if exit == Exit::Ok {
        session.reporter.summary("verify", exit, &report, &text)?;
    } else {
        session.reporter.answer("verify", exit, &report, &text)?;
    }
    Ok(exit)
}

async fn check(
    access: &Access,
    (dump, against): (&str, Option<connect::ConnectOptions>),
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport, Error> {
    let repository = access.repository();
    if let Some(connect) = against {
        let opened = access.find(dump).await?;
        let lane = LaneOptions { connect, role: None, row_security: false };
        return verify::database(&opened, &lane, options, around).await;
    }
    if access.can_open() {
        return verify::opened(repository, &access.find(dump).await?, options, around).await;
    }
    let manifest = access.manifest(&opened::find(repository, dump).await?).await?;
    verify::stored(repository, &manifest, options, around).await
}

fn told(report: &VerifyReport) -> String {
    let time = text::seconds(report.seconds);
    let seen = match report.depth {
        "stored" => format!(
            "{} with {}: every object is there with the right length and digest (not decrypted: no identity)",
            text::plural(report.objects, "object"),
            text::bytes(report.stored_bytes)
        ),
        "database" => format!(
            "{} with {} rows read back from the database",
            text::plural(report.tables, "table"),
            text::count(report.rows)
        ),
        _ => format!(
            "{} with {} rows, {} opened and counted ({})",
            text::plural(report.tables, "table"),
            text::count(report.rows),
            text::bytes(report.raw_bytes),
            text::rate(report.raw_bytes, report.seconds)
        ),
    };
    if report.problems.is_empty() {
        return format!("verified {}: {seen}, {time}\n", report.dump);
    }
    let mut out = format!("NOT VERIFIED {}: {}\n", report.dump, text::plural(report.problems.len() as u64, "problem"));
    for problem in &report.problems {
        out.push_str(&format!("  {problem}\n"));
    }
    out
}
