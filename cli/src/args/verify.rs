//! `pgfreight verify`.

use clap::Args;

use super::jobs::{self, Jobs};
use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without an identity: every stored object's presence, length and digest. With one: every row decrypted, counted\nand fingerprinted. With --against: the fingerprints of a live database's tables compared with the dump's."
)]
pub struct VerifyArgs {
    /// Dump: its name, the beginning of it, or `latest`
    #[arg(default_value = "latest", value_name = "DUMP")]
    pub dump: String,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Compare with a live database: a name, a URI, or key=value words
    #[arg(long, value_name = "DB")]
    pub against: Option<String>,
    /// Objects or tables checked at a time, or auto [env: PGFREIGHT_JOBS; default: 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = jobs::parse)]
    pub jobs: Option<Jobs>,
    /// Memory to use at most [env: PGFREIGHT_MEMORY; default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = super::size::bytes)]
    pub memory: Option<u64>,
}
