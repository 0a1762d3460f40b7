//! `pgfreight schema`.

use std::path::PathBuf;

use clap::Args;

use super::connection::ConnectionArgs;
use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `schema`.
#[derive(Args, Debug)]
#[command(after_help = "The same schema gives the same bytes: for review and version control.")]
pub struct SchemaArgs {
    /// Dump: its name, the beginning of it, or `latest`; with -d a live database is read instead
    #[arg(value_name = "DUMP")]
    pub dump: Option<String>,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The cluster's roles, tablespaces … in front, password hashes left out
    #[arg(long)]
    pub globals: bool,
    /// Write one file per object into this folder, for version control
    #[arg(long, value_name = "FOLDER")]
    pub split: Option<PathBuf>,
}
