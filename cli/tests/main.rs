//! The command line as a published interface: help, exit codes, JSON, refusals, settings.

mod census;
mod config;
mod copy;
mod diff;
mod errors;
mod globals;
mod help;
mod keys;
mod kills;
mod matrix;
mod memory;
mod program;
mod round_trip;
mod signals;
mod stores;
mod throttles;
