//! What benches measure with.

pub mod rows;
pub mod stand_in;
