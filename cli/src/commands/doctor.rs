//! `pgfreight doctor`.

use pgfreight_engine::run::doctor::{self, Finding, Severity};

use super::{Failure, Session};
use crate::args::doctor::DoctorArgs;
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::exit::Exit;

pub(super) async fn run(args: &DoctorArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let repo_named =
        args.repo.repo.is_some() || layers.env().var("PGFREIGHT_REPO").is_some() || layers.content().repo.is_some();
    let store = if repo_named { Some(resolve::store(layers, &args.repo)?) } else { None };
    // With a repository alone, only that is looked at; otherwise the environment may name the server, as in psql.
    let file = &layers.content().source;
    let server_named = args.connection.is_given() || file.dbname.is_some() || file.host.is_some() || !repo_named;
    let source = match server_named {
        true => Some(resolve::connection(layers, &args.connection, None, Side::Source)?),
        false => None,
    };
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let mut findings = Vec::new();
    if let Some(source) = &source {
        for warning in source.warnings() {
            session.reporter.warn(warning);
        }
        findings.extend(doctor::server(source).await?);
    }
    if let Some(store) = &store {
        findings.extend(doctor::repository(store).await);
    }
    let exit = doctor::verdict(&findings).err().map_or(Exit::Ok, |error| Exit::Failed(error.kind()));
    session.reporter.answer("doctor", exit, &findings, &told(&findings))?;
    Ok(exit)
}

fn told(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.severity {
            Severity::Ok => "ok     ",
            Severity::Warning => "warning",
            Severity::Problem => "PROBLEM",
        };
        out.push_str(&format!("{mark}  {}: {}\n", finding.check, finding.found));
        if let Some(hint) = &finding.hint {
            out.push_str(&format!("         {hint}\n"));
        }
    }
    out
}
