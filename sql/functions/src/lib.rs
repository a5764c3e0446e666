//! Scalar functions and text conversions: what a query computes alike in the host, in `eval` and in WebAssembly.
//!
//! Everything is a function of its arguments alone, takes any argument without a panic, and writes text into a buffer
//! of the caller. Texts are bytes that should be UTF-8; where they are not the result is unspecified, but there is one.

pub mod failure;
pub mod integer;
pub mod float;
pub mod round;
pub mod cast;
pub mod timestamp;
pub mod text;
pub mod substring;
pub mod compose;
pub mod number;
pub mod calendar;
#[cfg(feature = "regex")]
pub mod pattern;
pub mod like;
pub mod json;

pub use cast::{format_boolean, format_f64, format_i64, parse_boolean, parse_f64, parse_i64};
pub use failure::Failure;
pub use json::{format_json_f64, format_json_text, format_json_timestamp};
pub use like::{like, like_escape};
pub use timestamp::{Civil, format_timestamp, parse_timestamp, parse_zone, read_zone};
