//! The feature table of the server that is read: the same one the writer uses for the server that is written.

pub use crate::catalog::features::{Feature, Features, NEWEST_MAJOR, OLDEST_MAJOR};
