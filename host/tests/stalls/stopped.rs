//! The process stands still: a signal, a frozen container.

use std::{fs, path::PathBuf, time::Duration};

use streamgauge_common::clock;

use crate::{
    brokers::{broker, topic},
    host::{Host, prepare},
    pause, seconds,
    traffic::{Traffic, close},
};

/// How the process is made to stand still.
enum How {
    Signal,
    Freezer,
}

/// Runs while events come, stands still for a time, and catches up: nothing is late, each window has all of its events.
fn stands_still(partitions: u32, how: &How, idle_timeout: &str, time: Duration) {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "stopped", partitions);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, idle_timeout);
    // 300 events a second.
    let every = Duration::from_micros(1_000_000 * u64::from(partitions) / 300);
    let plan: Vec<(u32, Duration)> = (0..partitions).map(|partition| (partition, every)).collect();
    let traffic = Traffic::start(&kafka, &topic, &plan);
    let mut host = Host::start(&folder, &[]);
    host.until("rows", |host| host.rows().len() > 2);
    match how {
        How::Signal => host.stop_for(time),
        How::Freezer => {
            let Some(freezer) = Freezer::new() else {
                return eprintln!("skipped: no freezer may be made here");
            };
            freezer.freeze_for(&host, time);
        }
    }
    pause(seconds(3));
    let events = traffic.finish();
    close(&kafka, &topic, partitions, &events);
    host.assert_exact(&events);
}

/// A cgroup whose processes can be frozen; gone when dropped.
struct Freezer {
    folder: PathBuf,
    is_v2: bool,
}

impl Freezer {
    /// None where there are no cgroups, or none may be made.
    fn new() -> Option<Self> {
        let name = format!("streamgauge-{}", clock::now_us());
        [("/sys/fs/cgroup/freezer", false), ("/sys/fs/cgroup", true)].into_iter().find_map(|(root, is_v2)| {
            let folder = PathBuf::from(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let freezer = Self { folder, is_v2 };
            freezer.folder.join(freezer.file()).exists().then_some(freezer)
        })
    }

    fn file(&self) -> &'static str {
        if self.is_v2 { "cgroup.freeze" } else { "freezer.state" }
    }

    fn freeze_for(&self, host: &Host, time: Duration) {
        let set = |frozen: bool| {
            let word = match (self.is_v2, frozen) {
                (true, true) => "1",
                (true, false) => "0",
                (false, true) => "FROZEN",
                (false, false) => "THAWED",
            };
            fs::write(self.folder.join(self.file()), word).unwrap();
        };
        fs::write(self.folder.join("cgroup.procs"), host.process().to_string()).unwrap();
        set(true);
        pause(time);
        set(false);
        // So that the folder can be removed.
        fs::write(self.folder.join("../cgroup.procs"), host.process().to_string()).unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        fs::remove_dir(&self.folder).ok();
    }
}

#[test]
fn a_process_that_stands_still_for_longer_than_the_idle_time_out_throws_nothing_away() {
    stands_still(3, &How::Signal, "1 second", seconds(4));
}

#[test]
fn so_does_one_that_is_frozen_and_reads_one_partition() {
    stands_still(1, &How::Freezer, "1 second", seconds(4));
}

#[test]
#[ignore = "takes minutes: make soak"]
fn long_stops() {
    for partitions in [1, 3] {
        for time in [15, 30, 70] {
            stands_still(partitions, &How::Signal, "10 seconds", seconds(time));
        }
        stands_still(partitions, &How::Freezer, "10 seconds", seconds(30));
    }
}
