//! The command line and everything that may stand in its place.
//!
//! Raw arguments (clap, one file per verb) are merged with the environment and the configuration file, each value
//! remembering where it came from, and resolved into the engine's options before any connection is opened.

pub mod cat;
pub mod completions;
pub mod connection;
pub mod copy;
pub mod diff;
pub mod doctor;
pub mod dump;
pub mod file;
pub mod filters;
pub mod global;
pub mod init;
pub mod jobs;
pub mod key;
pub mod list;
pub mod merge;
pub mod repo;
pub mod resolve;
pub mod restore;
pub mod schema;
pub mod show;
pub mod size;
pub mod verify;

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "pgfreight",
    version,
    about = "Dump PostgreSQL into an object store and restore it: encrypted, resumable, proved equal",
    disable_help_flag = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "-h is the host, as in pg_dump; help is --help or -?. Exit codes and JSON events: docs/OPERATIONS.md."
)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: global::GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Create a repository and the writer key file of this host
    Init(init::InitArgs),
    /// Dump a database into a repository
    Dump(Box<dump::DumpArgs>),
    /// Restore a dump, or some tables of it, into a database
    Restore(Box<restore::RestoreArgs>),
    /// Copy a database into another one, with nothing in between
    Copy(Box<copy::CopyArgs>),
    /// List the dumps of a repository
    List(list::ListArgs),
    /// Show what a dump holds
    Show(show::ShowArgs),
    /// Write one table's rows to standard output
    Cat(cat::CatArgs),
    /// Print the DDL of a dump or of a live database
    Schema(schema::SchemaArgs),
    /// Compare the schemas and rows of two dumps, or of a dump and a live database
    Diff(diff::DiffArgs),
    /// Check a dump: stored bytes, contents, or against a live database
    Verify(verify::VerifyArgs),
    /// Find out what would get in the way of a dump or a restore
    Doctor(doctor::DoctorArgs),
    /// Manage who can read a repository
    Key(key::KeyArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
