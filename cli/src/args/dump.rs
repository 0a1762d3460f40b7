//! `pgfreight dump`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::connection::ConnectionArgs;
use super::filters::{DumpFilterArgs, LossArgs};
use super::jobs::{self, Jobs};
use super::repo::RepoArgs;

/// Arguments of `dump`.
#[derive(Args, Debug)]
#[command(
    after_help = "All connections read under one snapshot. Interrupted, the same command goes on and uploads only what is missing."
)]
pub struct DumpArgs {
    /// Database, as with -d
    #[arg(value_name = "DB", conflicts_with = "dbname")]
    pub database: Option<String>,
    #[command(flatten)]
    pub repo: RepoArgs,
    /// This host's writer key [env: PGFREIGHT_WRITER_KEY; default: below ~/.config/pgfreight]
    #[arg(long, value_name = "FILE", help_heading = "Repository")]
    pub writer_key: Option<PathBuf>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub filters: DumpFilterArgs,
    #[command(flatten)]
    pub losses: LossArgs,
    #[command(flatten)]
    pub work: DumpWorkArgs,
}

/// How to work.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "How to work")]
pub struct DumpWorkArgs {
    /// Connections that copy at a time, or auto: as many as suit server and machine [env: PGFREIGHT_JOBS; default: 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = jobs::parse)]
    pub jobs: Option<Jobs>,
    /// Compression: zstd:LEVEL, 1 to 19 [default: zstd:3]
    #[arg(short = 'Z', long, value_name = "METHOD", value_parser = compression)]
    pub compress: Option<i32>,
    /// Memory to use at most [env: PGFREIGHT_MEMORY; default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = super::size::bytes)]
    pub memory: Option<u64>,
    /// SET ROLE before reading
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Read at most so much per second, all connections together: 50MB/s
    #[arg(long, value_name = "RATE", value_parser = super::size::rate)]
    pub rate_limit: Option<u64>,
    /// Give way when the source has other work: fewer connections, then pauses
    #[arg(long)]
    pub polite: bool,
    /// Polite, and give way above this replication lag [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = super::size::duration)]
    pub max_replication_lag: Option<Duration>,
    /// Polite, and give way when more other sessions are active [default: the server's max_parallel_workers]
    #[arg(long, value_name = "N")]
    pub max_active: Option<u32>,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// How a source is read.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "How to work")]
pub struct ReadingArgs {
    /// How rows are copied
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub copy_format: Option<CopyFormatArg>,
    /// Rows of a big table per chunk, before compression: what a killed run may have to copy again [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = super::size::chunk)]
    pub chunk_size: Option<u64>,
    /// Give up if a table lock cannot be had in this time
    #[arg(long, value_name = "TIME", value_parser = super::size::duration)]
    pub lock_wait_timeout: Option<Duration>,
    /// Give up if the snapshot gets older than this (an old snapshot keeps the server from cleaning up)
    #[arg(long, value_name = "TIME", value_parser = super::size::duration)]
    pub snapshot_age: Option<Duration>,
    /// Carry the rows that row-level security shows instead of failing
    #[arg(long)]
    pub enable_row_security: bool,
}

/// COPY's formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFormatArg {
    /// Binary where every column's type is exact in binary, text otherwise
    Auto,
    /// Always text
    Text,
    /// Binary, text only where a column's type is not exact in binary
    Binary,
}

/// pg_dump's `-Z`: `zstd`, `zstd:LEVEL`, `LEVEL`, `zstd:level=LEVEL`.
pub fn compression(text: &str) -> Result<i32, String> {
    let detail = match text.split_once(':') {
        Some(("zstd", detail)) => detail.strip_prefix("level=").unwrap_or(detail),
        Some((method, _)) => return Err(format!("`{method}` is not offered, only zstd")),
        None if text == "zstd" => "3",
        None => text,
    };
    match detail.parse::<i32>() {
        Ok(level @ 1..=19) => Ok(level),
        Ok(_) => Err("zstd levels go from 1 to 19".to_owned()),
        Err(_) => Err(format!("`{text}` is not a compression; write for example zstd:3")),
    }
}

#[cfg(test)]
mod tests {
    use super::compression;

    #[test]
    fn compression_takes_pg_dumps_spellings() {
        for (text, level) in [("zstd", 3), ("zstd:1", 1), ("zstd:level=7", 7), ("5", 5)] {
            assert_eq!(compression(text), Ok(level), "{text}");
        }
        for bad in ["gzip:6", "lz4", "zstd:0", "zstd:20", "zstd:fast", "zstd:3,long"] {
            assert!(compression(bad).is_err(), "{bad}");
        }
    }
}
