//! Options of every verb.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Options of every verb.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// Configuration file (TOML; docs/OPERATIONS.md lists the keys) [env: PGFREIGHT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print every setting with its value and where it came from, and stop
    #[arg(long, global = true)]
    pub explain_config: bool,
    /// Write events and results as JSON lines to standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to draw progress; without it, structured logs go to standard error
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub progress: Option<When>,
    /// Shape of the logs written when no progress is drawn [env: PGFREIGHT_LOG_FORMAT]
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// Print help
    #[arg(long, short = '?', global = true, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
}

/// When to draw a progress display.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum When {
    /// When standard error is a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Shape of logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `time level message key=value …`
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
