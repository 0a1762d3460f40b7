//! `pgfreight list`.

use clap::Args;

use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `list`.
#[derive(Args, Debug)]
#[command(after_help = "Without an identity it shows what is public: names, times, sizes.")]
pub struct ListArgs {
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
}
