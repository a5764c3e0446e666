//! The world stands still, or a part of it, and nothing is lost: the process is stopped, a broker is cut off, a transaction stays
//! open, a topic is made anew.
//!
//! [`traffic`] writes events whose time is the time of day into a real Kafka, so an event that is read much later than it was
//! written looks like silence. [`host`] counts them in windows. The rows must be what a plain count of all events is; or the query
//! must be refused by name. Short versions, with a short idle time-out, are part of the gate; `make soak` has the long ones.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do"
)]

mod brokers;
#[path = "../common/real_broker.rs"]
mod real_broker;
mod cut;
mod host;
mod idle;
mod proxy;
mod remade;
mod stopped;
mod traffic;
mod transactions;

use std::time::Duration;

/// Lets time pass: here it is the subject.
fn pause(time: Duration) {
    crossbeam_channel::after(time).recv().expect("the time comes");
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
