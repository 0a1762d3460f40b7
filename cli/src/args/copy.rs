//! `pgfreight copy`.

use clap::Args;

use super::connection::ConnectionArgs;
use super::dump::ReadingArgs;
use super::filters::{DumpFilterArgs, LeaveOutArgs, LossArgs};
use super::restore::{RestoreWorkArgs, TargetArgs};

/// Arguments of `copy`.
#[derive(Args, Debug)]
// pg_dump and pg_restore both have a -e; here it is pg_dump's, as all filters are.
#[command(
    mut_args(|arg| match arg.get_help_heading() {
        Some("What to dump") => arg.help_heading("What to copy"),
        _ => arg,
    }),
    mut_arg("exit_on_error", |arg| arg.short(None)),
    mut_arg("create", |arg| arg.help("Create the database first, by its name at the source; --to names one to connect to meanwhile")),
    after_help = "All rows are of one moment, and every table is read back and proved equal to what was read.\nInterrupted, the same command goes on: what it loaded is kept where the source still holds the same."
)]
pub struct CopyArgs {
    /// Source database, as with -d
    #[arg(value_name = "DB", conflicts_with = "dbname")]
    pub database: Option<String>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Database that is written: a name, a URI, or key=value words [password: in it, PGFREIGHT_TARGET_PASSWORD, .pgpass]
    #[arg(long, value_name = "DB", help_heading = "Connection")]
    pub to: Option<String>,
    #[command(flatten)]
    pub filters: DumpFilterArgs,
    #[command(flatten)]
    pub leave_out: LeaveOutArgs,
    #[command(flatten)]
    pub losses: LossArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub work: RestoreWorkArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// SET ROLE at the source before reading
    #[arg(long, value_name = "NAME", help_heading = "How to work")]
    pub source_role: Option<String>,
    /// SET ROLE at the target before writing
    #[arg(long, value_name = "NAME", help_heading = "The target")]
    pub target_role: Option<String>,
}
