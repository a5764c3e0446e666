//! What guests may do and what becomes of those that do otherwise.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod guests;
mod limits;
mod query;
mod reducer;
mod refusals;
mod sink;
mod sink_faults;
mod stored;
