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

use streamgauge::{clock, source::kafka::Connection};

/// How many kills are part of every test run.
const KILLS: u32 = 20;

/// A real broker, or none where tests without one are allowed.
fn broker() -> Option<Connection> {
    match (std::env::var("STREAMGAUGE_KAFKA"), std::env::var("STREAMGAUGE_ALLOW_SKIP")) {
        (Ok(brokers), _) => Some(Connection { brokers, ..Connection::default() }),
        (Err(_), Ok(allowed)) if allowed == "1" => {
            eprintln!("skipped: STREAMGAUGE_KAFKA is not set");
            None
        }
        _ => panic!("needs a Kafka: export STREAMGAUGE_KAFKA=$(.ci/kafka.sh start /tmp/kafka)"),
    }
}

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
