//! Identifier and literal quoting, qualified names, binary COPY fields as text: pure.

pub mod binary;
mod binary_time;
pub mod ident;
pub mod literal;

pub use ident::{qualified, quote_ident};
pub use literal::quote_literal;
