//! The laws of every reducer (`wit/reducer.wit`), checked on generated rows.
//!
//! [`check()`] takes anything that behaves as a reducer: a component, or Rust code that has not been compiled to one. The rows are
//! the same in every run. A law that does not hold is shown with the fewest rows that break it.
//!
//! This crate depends on nothing, so that an author's tests compile in a second.

mod value;
pub use value::{Argument, Cell, DataType, Row};

mod contract;
pub use contract::{Accumulators, Descriptor, Evaluated, Parameter, Reducer, Signature, Stop};

mod law;
pub use law::Law;

mod report;
pub use report::{Example, Line, Outcome, Report, Verdict};

mod table;
pub use table::Table;

mod random;
mod rows;
pub use rows::{cases, magnitude};

mod parameters;
mod describe;
mod bench;
mod reducer;
mod size;

mod shrink;
pub use shrink::shrink;

mod check;
pub use check::{check, check_signature};
