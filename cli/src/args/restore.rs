//! `pgfreight restore`.

use clap::Args;

use super::connection::ConnectionArgs;
use super::filters::{LossArgs, RestoreFilterArgs};
use super::jobs::{self, Jobs};
use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `restore`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every table is read back and proved equal to what was dumped. Interrupted, the same command goes on."
)]
pub struct RestoreArgs {
    /// Dump: its name, the beginning of it, or `latest`
    #[arg(default_value = "latest", value_name = "DUMP")]
    pub dump: String,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub filters: RestoreFilterArgs,
    #[command(flatten)]
    pub losses: LossArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    /// First create the roles, tablespaces … of the dump that the target's cluster lacks; what exists is left alone
    #[arg(long, help_heading = "The target")]
    pub globals: bool,
    /// SET ROLE before restoring
    #[arg(long, value_name = "NAME", help_heading = "The target")]
    pub role: Option<String>,
    #[command(flatten)]
    pub work: RestoreWorkArgs,
}

/// What becomes of the target.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "The target")]
pub struct TargetArgs {
    /// Drop each object before creating it
    #[arg(short = 'c', long)]
    pub clean: bool,
    /// Taken for pg_restore's sake: what is missing is never minded
    #[arg(long, requires = "clean")]
    pub if_exists: bool,
    /// Create the database first; -d names one to connect to meanwhile
    #[arg(short = 'C', long)]
    pub create: bool,
    /// Everything belongs to the connecting role
    #[arg(short = 'O', long)]
    pub no_owner: bool,
    /// No GRANT and REVOKE
    #[arg(short = 'x', long, visible_alias = "no-acl")]
    pub no_privileges: bool,
    /// Triggers (foreign keys too) off while rows are loaded; for -a, needs a superuser
    #[arg(long)]
    pub disable_triggers: bool,
    /// Stop at the first statement that fails
    #[arg(short = 'e', long)]
    pub exit_on_error: bool,
    /// Restore although the target already holds objects of its own
    #[arg(long)]
    pub allow_non_empty: bool,
}

/// How to work.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "How to work")]
pub struct RestoreWorkArgs {
    /// Connections that load at a time, or auto: as many as suit server and machine [env: PGFREIGHT_JOBS; default: 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = jobs::parse)]
    pub jobs: Option<Jobs>,
    /// Write at most so much per second, all connections together: 50MB/s
    #[arg(long, value_name = "RATE", value_parser = super::size::rate)]
    pub rate_limit: Option<u64>,
    /// Memory to use at most [env: PGFREIGHT_MEMORY; default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = super::size::bytes)]
    pub memory: Option<u64>,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Do not read the tables back to compare their fingerprints
    #[arg(long)]
    pub no_check: bool,
}
