//! One file per verb: resolve the options, call the engine, hand events and the result to the reporter.

mod cat;
mod completions;
mod copy;
mod diff;
mod doctor;
mod dump;
mod init;
mod key;
mod list;
mod restore;
mod schema;
mod show;
mod verify;

use std::io;
use std::process::ExitCode;

use pgfreight_engine::{Error, Kind};
use tokio_util::sync::CancellationToken;

use crate::args::file::ConfigFile;
use crate::args::global::{GlobalArgs, LogFormat};
use crate::args::merge::{Candidates, Layers};
use crate::args::{Cli, Verb};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::report::{Reporter, json, text};
use crate::signals;

/// What a verb works with.
pub struct Session<'a> {
    /// Where everything is printed.
    pub reporter: Reporter,
    /// Cancelled by Ctrl-C and SIGTERM.
    pub stop: CancellationToken,
    /// Options of every verb.
    pub global: &'a GlobalArgs,
}

impl Session<'_> {
    /// With `--explain-config`: prints the settings and says that nothing more is to be done.
    fn explains(&self, layers: &Layers<'_>) -> Result<bool, Error> {
        if !self.global.explain_config {
            return Ok(false);
        }
        let head = [("setting", text::Align::Left), ("value", text::Align::Left), ("from", text::Align::Left)];
        let rows: Vec<Vec<String>> =
            layers.rows().iter().map(|row| vec![row.key.to_owned(), row.value.clone(), row.origin.clone()]).collect();
        self.reporter.answer("explain-config", Exit::Ok, &layers.rows(), &text::table(&head, &rows)).map_err(output)?;
        Ok(true)
    }
}

/// A verb's end: an error of the engine, or standard output that cannot be written.
#[derive(Debug)]
enum Failure {
    Engine(Error),
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs a parsed command line.
pub fn run(cli: Cli, env: &Environment) -> Exit {
    if let Verb::Completions(args) = &cli.verb {
        return ended(&early_reporter(&cli.global, env), completions::run(args));
    }
    let (file, log_format) = match configuration(&cli.global, env) {
        Ok(found) => found,
        Err(error) => return ended(&early_reporter(&cli.global, env), Err(error.into())),
    };
    let reporter = Reporter::new(&cli.global, log_format, env);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::new(Kind::Bug, "the runtime cannot be started").because(error);
            return ended(&reporter, Err(error.into()));
        }
    };
    let stop = CancellationToken::new();
    let session = Session { reporter: reporter.clone(), stop: stop.clone(), global: &cli.global };
    let mut layers = Layers::new(&file, env);
    let outcome = runtime.block_on(async {
        signals::watch(stop, reporter.is_quiet());
        dispatch(&cli.verb, &session, &mut layers).await
    });
    // Threads that still wait for a server or a prompt must not keep the process alive.
    runtime.shutdown_background();
    ended(&reporter, outcome)
}

async fn dispatch(verb: &Verb, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    match verb {
        Verb::Init(args) => init::run(args, session, layers).await,
        Verb::Dump(args) => Box::pin(dump::run(args, session, layers)).await,
        Verb::Restore(args) => Box::pin(restore::run(args, session, layers)).await,
        Verb::Copy(args) => Box::pin(copy::run(args, session, layers)).await,
        Verb::List(args) => list::run(args, session, layers).await,
        Verb::Show(args) => show::run(args, session, layers).await,
        Verb::Cat(args) => cat::run(args, session, layers).await,
        Verb::Schema(args) => schema::run(args, session, layers).await,
        Verb::Diff(args) => Box::pin(diff::run(args, session, layers)).await,
        Verb::Verify(args) => Box::pin(verify::run(args, session, layers)).await,
        Verb::Doctor(args) => doctor::run(args, session, layers).await,
        Verb::Key(args) => key::run(args, session, layers).await,
        Verb::Completions(args) => completions::run(args),
    }
}

/// A reporter for what goes wrong before the configuration is known.
fn early_reporter(global: &GlobalArgs, env: &Environment) -> Reporter {
    Reporter::new(global, global.log_format.unwrap_or_default(), env)
}

fn configuration(global: &GlobalArgs, env: &Environment) -> Result<(ConfigFile, LogFormat), Error> {
    let path = global.config.clone().or_else(|| env.var("PGFREIGHT_CONFIG").map(Into::into));
    let file = path.map_or_else(|| Ok(ConfigFile::default()), |path| ConfigFile::read(&path))?;
    let found = Candidates {
        flag: global.log_format,
        variable: Some(("PGFREIGHT_LOG_FORMAT", |word| match word {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("neither text nor json".to_owned()),
        })),
        file: &[&file.content.log_format],
    };
    let format = Layers::new(&file, env).choose(found)?.map(|(format, _)| format).unwrap_or_default();
    Ok((file, format))
}

/// Reports how a verb ended and gives the exit code. Whoever reads our output may stop reading: that is no error.
fn ended(reporter: &Reporter, outcome: Result<Exit, Failure>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(Failure::Output(error)) => {
            reporter.error(&output(error));
            Exit::Failed(Kind::Bug)
        }
        Err(Failure::Engine(error)) => {
            reporter.error(&error);
            Exit::Failed(error.kind())
        }
    }
}

fn output(error: io::Error) -> Error {
    Error::new(Kind::Bug, "standard output cannot be written").because(error)
}

/// What the parser has to say: help and version are no errors; anything else is, in our own form.
pub fn refuse(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        let _ = refusal.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let what = refusal.kind().to_string();
        let _ = json::line(&serde_json::json!({
            "event": "error", "kind": "usage", "code": 2, "message": what, "causes": [], "hint": "See --help.",
        }));
    }
    let _ = refusal.print();
    ExitCode::from(2)
}

/// How long lanes had nothing to do while others worked: whether another `-j` would have been the better one.
fn idle_text(jobs: u32, idle: f64, seconds: f64) -> String {
    if jobs < 2 {
        return String::new();
    }
    let share = if seconds > 0.0 { 100.0 * idle / (f64::from(jobs) * seconds) } else { 0.0 };
    format!(
        "  {} idle for {} altogether while others worked ({share:.0} %)\n",
        text::plural(jobs.into(), "lane"),
        text::seconds(idle)
    )
}

/// The text of losses, one line each.
fn losses_text(losses: &[pgfreight_engine::run::report::Loss]) -> String {
    let mut out = String::new();
    if !losses.is_empty() {
        out.push_str(&format!("not carried: {}\n", text::plural(losses.len() as u64, "object")));
        for loss in losses {
            out.push_str(&format!("  {} {}: {}\n", loss.class, loss.name, loss.reason));
        }
    }
    out
}
