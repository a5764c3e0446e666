//! Which partitions hold nobody back: idle ones.
//!
//! A partition is idle when it is read to its end, with nothing waiting, and then silent for the time-out. One that lags or
//! is not connected is never idle: it has not reported its end, or reports records again before it does.

use std::{collections::BTreeMap, time::Duration};

use crate::clock::Stopwatch;

/// The arrivals of a source's partitions.
#[derive(Debug)]
pub(super) struct Idleness {
    timeout: Duration,
    connected: bool,
    partitions: BTreeMap<u32, Partition>,
}

#[derive(Debug)]
struct Partition {
    /// Whether it was read to its end since the last record.
    at_end: bool,
    /// Since the last record, or since it was assigned.
    silent: Stopwatch,
    /// Whether the engine was told.
    idle: bool,
}

impl Idleness {
    /// No partition yet.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, connected: true, partitions: BTreeMap::new() }
    }

    /// Records came; gives whether the partition was idle.
    pub(super) fn arrived(&mut self, partition: u32) -> bool {
        let fresh = Partition { at_end: false, silent: Stopwatch::start(), idle: false };
        self.partitions.insert(partition, fresh).is_some_and(|before| before.idle)
    }

    /// A partition is there, or was read to its end.
    pub(super) fn reached_end(&mut self, partition: u32) {
        let fresh = || Partition { at_end: true, silent: Stopwatch::start(), idle: false };
        self.partitions.entry(partition).or_insert_with(fresh).at_end = true;
    }

    /// The broker is away (nobody is idle then), or back.
    pub(super) fn connected(&mut self, connected: bool) {
        if connected && !self.connected {
            self.partitions.values_mut().for_each(|partition| partition.silent = Stopwatch::start());
        }
        self.connected = connected;
    }

    /// The partitions of which the engine was told that they are idle.
    pub(super) fn idle(&self) -> Vec<u32> {
        self.partitions.iter().filter(|(_, partition)| partition.idle).map(|(&number, _)| number).collect()
    }

    /// Nothing was looked at for a while: silence counts from now on.
    pub(super) fn passed_over(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.silent = Stopwatch::start());
    }

    /// The partitions that have become idle since the last call.
    pub(super) fn newly_idle(&mut self) -> Vec<u32> {
        let (timeout, connected) = (self.timeout, self.connected);
        let due = self.partitions.iter_mut().filter(|(_, partition)| {
            connected && !partition.idle && partition.at_end && partition.silent.elapsed() >= timeout
        });
        due.map(|(&number, partition)| {
            partition.idle = true;
            number
        })
        .collect()
    }

    /// Where all partitions are idle and connected: for how long nothing has come.
    pub(super) fn all_idle(&self) -> Option<Duration> {
        let all = self.connected
            && !self.partitions.is_empty()
            && self.partitions.values().all(|partition| partition.idle);
        all.then(|| self.partitions.values().map(|partition| partition.silent.elapsed()).min()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_partition_that_was_read_to_its_end_becomes_idle() {
        let mut idleness = Idleness::new(Duration::ZERO);
        idleness.arrived(0);
        idleness.reached_end(1);
        assert_eq!(idleness.newly_idle(), [1]);
        assert_eq!(idleness.newly_idle(), Vec::<u32>::new(), "each is told once");
        assert!(idleness.all_idle().is_none(), "partition 0 may have more");
        idleness.reached_end(0);
        assert_eq!(idleness.newly_idle(), [0]);
        assert!(idleness.all_idle().is_some());
        assert!(idleness.arrived(1), "it was idle");
        assert!(idleness.all_idle().is_none());
    }

    #[test]
    fn silence_counts_from_the_last_record() {
        let mut idleness = Idleness::new(Duration::from_secs(3600));
        idleness.arrived(0);
        idleness.reached_end(0);
        assert_eq!(idleness.newly_idle(), Vec::<u32>::new());
    }

    #[test]
    fn a_lost_broker_makes_nobody_idle() {
        let mut idleness = Idleness::new(Duration::ZERO);
        idleness.reached_end(0);
        idleness.connected(false);
        assert_eq!(idleness.newly_idle(), Vec::<u32>::new());
        idleness.connected(true);
        assert_eq!(idleness.newly_idle(), [0]);
    }
}
