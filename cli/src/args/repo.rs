//! Which repository, and what opens it.

use std::path::PathBuf;

use clap::Args;

/// Which repository.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Repository")]
pub struct RepoArgs {
    /// Repository: s3://bucket/prefix, gs://…, az://…, file:///folder or a folder [env: PGFREIGHT_REPO]
    #[arg(long, value_name = "URL")]
    pub repo: Option<String>,
}

/// What opens a repository.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Identity")]
pub struct IdentityArgs {
    /// File with age identities or an SSH private key, may be repeated [env: PGFREIGHT_IDENTITY]
    #[arg(short = 'i', long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    /// Ask for a passphrase
    #[arg(long)]
    pub passphrase: bool,
    /// Read the passphrase from the first line of a file [env: PGFREIGHT_PASSPHRASE_FILE, PGFREIGHT_PASSPHRASE]
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    pub passphrase_file: Option<PathBuf>,
    /// Accept dumps whose signature is missing or by an unknown writer
    #[arg(long)]
    pub allow_unsigned: bool,
}
