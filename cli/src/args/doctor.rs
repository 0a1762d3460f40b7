//! `pgfreight doctor`.

use clap::Args;

use super::connection::ConnectionArgs;
use super::repo::RepoArgs;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "Looks at privileges, row-level security, poolers, standbys, locks, limits and the repository.")]
pub struct DoctorArgs {
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
