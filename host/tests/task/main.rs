//! A query at work: what becomes of it and of its neighbours where its reducer or its sink fails, how it replays forced closes, and what
//! is the same however events are put into records.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

#[path = "../../component/tests/component/guests.rs"]
#[expect(dead_code, reason = "the tests of the boundary use the others")]
mod guests;
#[path = "../common/recorder.rs"]
#[expect(dead_code, reason = "the tests of metrics use the rest")]
mod recorder;
mod bundles;
mod records;
mod barriers;
mod neighbours;
mod events;
mod tables;
mod waits;
mod room;
mod tally;
mod restores;
mod shown;
mod slow;
mod lost_sinks;
