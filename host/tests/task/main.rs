//! A query at work: what becomes of it and of its neighbours where its reducer fails, and how it replays forced closes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../../component/tests/component/guests.rs"]
#[expect(dead_code, reason = "the tests of the boundary use the others")]
mod guests;
mod barriers;
mod neighbours;
mod tally;
mod restores;
