//! pgfreight's engine: streaming dump and restore of PostgreSQL.
//!
//! The map of the house, from the ground up. A room imports only from the floors below it; pure rooms
//! (floors 0 to 2) know no socket, clock, environment or randomness, so most tests need no server.
//!
//! | floor | rooms |
//! |---|---|
//! | 0 | [`ids`] [`limits`] [`error`] [`event`] |
//! | 1 | [`sql`] [`catalog`] [`format`] |
//! | 2 | [`ddl`] [`plan`] [`recode`] [`seal`] [`journal`] [`keys`] |
//! | 3 | [`connect`] [`source`] [`introspect`] [`target`] [`store`] |
//! | 4 | [`run`] |
//!
//! The engine never prints, exits, installs a signal handler or reads the process environment: options come
//! in as typed values, news goes out as [`event::Event`]s.

pub mod catalog;
pub mod connect;
pub mod ddl;
pub mod error;
pub mod event;
pub mod format;
pub mod ids;
pub mod introspect;
pub mod journal;
pub mod keys;
pub mod limits;
pub mod plan;
pub mod recode;
pub mod run;
pub mod seal;
pub mod source;
pub mod sql;
pub mod store;
pub mod target;

pub use error::{Error, Kind, Result};
