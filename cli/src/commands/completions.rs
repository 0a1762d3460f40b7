//! `pgfreight completions`.

use std::io::Write;

use clap::CommandFactory;

use super::Failure;
use crate::args::Cli;
use crate::args::completions::CompletionsArgs;
use crate::exit::Exit;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pgfreight", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Ok)
}
