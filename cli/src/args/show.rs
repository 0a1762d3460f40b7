//! `pgfreight show`.

use clap::Args;

use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `show`.
#[derive(Args, Debug)]
#[command(
    after_help = "Lists tables with rows and sizes, and every schema object in restore order (the list restore -L reads)."
)]
pub struct ShowArgs {
    /// Dump: its name, the beginning of it, or `latest`
    #[arg(default_value = "latest", value_name = "DUMP")]
    pub dump: String,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Only the table of contents, in pg_restore -l's layout
    #[arg(short = 'l', long)]
    pub list: bool,
    /// Only the tables
    #[arg(long, conflicts_with = "list")]
    pub tables: bool,
}
