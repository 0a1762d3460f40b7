//! `pgfreight init`.

use std::path::PathBuf;

use clap::Args;

use super::repo::RepoArgs;

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(
    after_help = "Whoever holds a recipient's identity can read the dumps. This host only gets the writer key, which cannot\nread anything back."
)]
pub struct InitArgs {
    #[command(flatten)]
    pub repo: RepoArgs,
    /// Public key that may open the repository: age1…, or an SSH public key; may be repeated
    #[arg(short = 'r', long, value_name = "RECIPIENT")]
    pub recipient: Vec<String>,
    /// File with recipients, one per line; may be repeated
    #[arg(short = 'R', long, value_name = "FILE")]
    pub recipients_file: Vec<PathBuf>,
    /// Let a passphrase open the repository (asked for twice)
    #[arg(long)]
    pub passphrase: bool,
    /// Read that passphrase from the first line of a file [env: PGFREIGHT_PASSPHRASE_FILE, PGFREIGHT_PASSPHRASE]
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    pub passphrase_file: Option<PathBuf>,
    /// Store dumps unencrypted; every listing will say so
    #[arg(long, conflicts_with_all = ["recipient", "recipients_file", "passphrase", "passphrase_file"])]
    pub no_encryption: bool,
    /// Where to write this host's writer key [env: PGFREIGHT_WRITER_KEY; default: below ~/.config/pgfreight]
    #[arg(long, value_name = "FILE")]
    pub writer_key: Option<PathBuf>,
    /// Name of the first reader's bundle in the repository
    #[arg(long, value_name = "NAME", default_value = "first")]
    pub label: String,
}
