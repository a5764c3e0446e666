//! The life of a query: text in, WebAssembly components out. No Kafka, no runtime, no I/O.
//!
//! 1. `parse`: our dialect of SQL to statements with places; limits before anything recurses.
//! 2. `bind`: names, types and conversions: typed expressions ([`expr`]) over numbered columns. Which reducers and
//!    [`connector`]s there are it asks a [`catalog`]; options have the values of [`variables`].
//! 3. [`plan`]: what runs before the window, in it and behind it; its `Display` is EXPLAIN.
//! 4. [`encode`]: the plan as a component: generated code behind a prebuilt shell, the [`manifest`] in a section.
//!
//! Beside it: [`eval`], the reference interpreter, is the oracle of the generated code.

pub mod types;
pub mod path;
pub mod time_format;
pub mod size;
pub mod library;
pub mod expr;
pub mod error;
mod errors;
pub mod variables;
pub mod header;
pub mod connector;
pub mod column_list;
pub mod source_options;
pub mod table_options;
pub mod plugin;
pub mod catalog;
mod parse;
mod bind;
pub mod plan;
pub mod eval;
pub mod encode;
mod window_kind;
pub mod manifest;
mod report;
mod sink_rows;
mod compile;
mod format;

pub use bind::Printed;
pub use catalog::Catalog;
pub use compile::{Compiled, Endless, Program, Query, compile, compile_within};
pub use error::{Diagnostic, Severity, SourceText};
pub use format::format;
pub use parse::{SqlLimits, nearest};
pub use plan::Plan;
