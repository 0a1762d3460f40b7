//! `pgfreight diff`.

use clap::Args;

use super::connection::ConnectionArgs;
use super::jobs::{self, Jobs};
use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `diff`.
#[derive(Args, Debug)]
#[command(
    after_help = "-, +: only the first or only the second has it (a database is the second); ~: they differ;\n?: not comparable. Exit code 0: equal; 4: they differ; 3: no difference, but not all was comparable."
)]
pub struct DiffArgs {
    /// Dump: its name, the beginning of it, or `latest` (the default with -d)
    #[arg(value_name = "DUMP")]
    pub dump: Option<String>,
    /// Dump to compare it with; with -d a live database takes its place
    #[arg(value_name = "OTHER")]
    pub other: Option<String>,
    /// Compare only the schema, not the rows
    #[arg(short = 's', long)]
    pub schema_only: bool,
    /// Compare only the rows, not the schema
    #[arg(short = 'a', long, conflicts_with = "schema_only")]
    pub data_only: bool,
    /// Tables of a live database read at a time [env: PGFREIGHT_JOBS; default: 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = jobs::parse)]
    pub jobs: Option<Jobs>,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
