//! `pgfreight key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::repo::{IdentityArgs, RepoArgs};

/// Arguments of `key`.
#[derive(Args, Debug)]
#[command(after_help = "Adding or removing a reader rewrites one small object, never data.")]
pub struct KeyArgs {
    #[command(subcommand)]
    pub action: KeyAction,
}

/// What to do with keys.
#[derive(Subcommand, Debug)]
pub enum KeyAction {
    /// List the readers' bundles
    List(KeyListArgs),
    /// Find out what an identity or passphrase opens
    Test(KeyTestArgs),
    /// Wrap the repository identity for more recipients
    Add(KeyAddArgs),
    /// Remove a reader's bundle
    Remove(KeyRemoveArgs),
}

/// `key list`.
#[derive(Args, Debug)]
pub struct KeyListArgs {
    #[command(flatten)]
    pub repo: RepoArgs,
}

/// `key test`.
#[derive(Args, Debug)]
pub struct KeyTestArgs {
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

/// `key add`.
#[derive(Args, Debug)]
pub struct KeyAddArgs {
    /// Name of the new bundle: letters, digits, dots, dashes, underscores
    #[arg(value_name = "LABEL")]
    pub label: String,
    #[command(flatten)]
    pub repo: RepoArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Public key that may open the repository: age1…, or an SSH public key; may be repeated
    #[arg(short = 'r', long, value_name = "RECIPIENT")]
    pub recipient: Vec<String>,
    /// File with recipients, one per line; may be repeated
    #[arg(short = 'R', long, value_name = "FILE")]
    pub recipients_file: Vec<PathBuf>,
    /// Let a new passphrase open the repository (asked for twice)
    #[arg(long)]
    pub new_passphrase: bool,
    /// Read that new passphrase from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// `key remove`.
#[derive(Args, Debug)]
pub struct KeyRemoveArgs {
    /// Name of the bundle
    #[arg(value_name = "LABEL")]
    pub label: String,
    #[command(flatten)]
    pub repo: RepoArgs,
}
