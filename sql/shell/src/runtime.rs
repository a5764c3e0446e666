//! The functions that a kernel calls, and the state of the call that it is in.
//!
//! `sql/src/encode/runtime.rs` names them with their types. Texts go in as an address and a length and come back as one
//! word, the length above the address. A function that can fail leaves its result behind a pointer and returns a status:
//! 0, or 1 + the failure's code.

mod call;
mod text;
mod cast;
mod library;
#[cfg(feature = "regex")]
mod pattern;

pub(crate) use call::{begin, end};
