//! The engine against real servers.
//!
//! One binary for all of them; each module is one concern, each test has a database (and, where it needs one, a
//! repository) of its own. What starts the servers is `pgfreight_fixtures`; `docs/TESTING.md` explains the rest.

mod attacker;
mod connect;
mod copy;
mod diff;
mod differential;
mod faults;
mod key_files;
mod objects;
mod place;
mod recover_by_hand;
mod regression;
mod relations;
mod restore;
mod round_trip;
mod store_contract;
mod store_faults;
mod throttles;
