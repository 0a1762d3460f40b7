//! pgfreight: the command line around the engine. Arguments, environment and configuration go in, events and an exit
//! code come out; everything else happens in `pgfreight_engine`.

mod args;
mod commands;
mod environment;
mod exit;
mod report;
mod secrets;
mod signals;

use std::process::ExitCode;

use clap::Parser;

/// Catalogs are a million small things that are freed on other threads than they came from. `.cargo/config.toml` says how soon it
/// gives memory back; why it is not the system's stands in docs/decisions.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let environment = environment::Environment::gather();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return commands::refuse(&refusal),
    };
    // A broken invariant of ours has an exit code of its own; the panic's text is on standard error by then.
    let ended = std::panic::catch_unwind(|| commands::run(cli, &environment));
    ExitCode::from(ended.unwrap_or(exit::Exit::Failed(pgfreight_engine::Kind::Bug)).code())
}
