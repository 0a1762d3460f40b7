//! Selection, the block grid and the dump and restore plans: pure and deterministic.

pub mod copy_format;
mod copy_gain;
pub mod dump_plan;
pub mod families;
pub mod filter_file;
pub mod globals;
pub mod grid;
pub mod jobs;
pub mod pattern;
pub mod politeness;
pub mod pull;
pub mod rate;
pub mod restore_plan;
pub mod schedule;
pub mod select;
pub mod select_entries;
pub mod split;
