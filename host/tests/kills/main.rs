//! The host is killed at any moment, and from what it delivered nobody can tell.
//!
//! A producer writes [`traffic`] into a real Kafka, a [`host`] turns it into rows for a webhook [`receiver`] that misbehaves
//! and for a topic. [`kills`] ends it with SIGKILL again and again, always on the same state. In the end both have each row
//! once, as a host that lived and as the [`oracle`] have it. [`crash_points`] does the same at every named point of the code.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do; kills are told as they happen"
)]

#[path = "../common/real_broker.rs"]
mod real_broker;
mod traffic;
mod oracle;
mod rows;
mod receiver;
mod receipts;
mod host;
mod kills;
mod soak;
mod outage;
mod crash_points;

use std::time::Duration;

use streamgauge_common::clock;

use self::real_broker::broker;

/// How many kills are part of every test run.
const KILLS: u32 = 20;

/// Lets time pass.
fn pause(time: Duration) {
    crossbeam_channel::after(time).recv().expect("the time comes");
}

#[test]
fn twenty_kills() {
    let Some(kafka) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let seed = soak::seed();
    let tally = kills::run(&kafka, folder.path(), &format!("{}", clock::now_us()), seed, KILLS);
    eprintln!("{tally} seed={seed}");
}
