//! What guests may do and what becomes of those that do otherwise.

mod guests;
mod limits;
mod query;
mod reducer;
mod refusals;
