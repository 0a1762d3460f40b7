//! `pgfreight cat`.

use clap::Args;

use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `cat`.
#[derive(Args, Debug)]
#[command(after_help = "Rows come in COPY's text format: psql -c 'COPY t FROM STDIN' takes them as they are.")]
pub struct CatArgs {
    /// Dump: its name, the beginning of it, or `latest`
    #[arg(value_name = "DUMP")]
    pub dump: String,
    /// Table, as schema.name or name
    #[arg(value_name = "TABLE")]
    pub table: String,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Begin with a line of column names
    #[arg(long, conflicts_with = "copy")]
    pub header: bool,
    /// The COPY file as the dump holds it, which may be binary (show --tables says so)
    #[arg(long, conflicts_with = "json")]
    pub copy: bool,
}
