//! Where a process is crashed, and in the middle of what.

use std::fmt;

use self::Run::{Files, FromKafka, Recovery, ToKafka};

/// What a process does when it crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    /// Reads files, writes a file and tells a webhook.
    Files,
    /// The same, but after another one crashed: it recovers.
    Recovery,
    /// Reads files and writes to a topic.
    ToKafka,
    /// Reads a topic to its end and writes a file.
    FromKafka,
}

/// A process that crashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash {
    /// The point, as the code names it.
    pub(super) point: &'static str,
    /// It crashes when it passes the point for the first time, the second, ...
    pub(super) turn: u32,
    pub(super) run: Run,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, turn, run } = self;
        write!(f, "{point}-{turn}-{run:?}")
    }
}

const fn at(point: &'static str, turn: u32, run: Run) -> Crash {
    Crash { point, turn, run }
}

/// What crashes a process so that the next one has something to recover.
pub(super) const UNFINISHED: Crash = at("close.decided", 5, Files);

/// All points of the code; some more than once.
pub(super) const CRASHES: &[Crash] = &[
    at("close.decided", 1, Files),
    at("close.decided", 20, Files),
    at("close.decided", 5, FromKafka),
    at("close.decided", 5, Recovery),
    at("log.before_append", 2, Files),
    at("log.after_append", 3, Files),
    at("log.before_sync", 4, Files),
    at("log.after_sync", 2, Files),
    at("log.before_mark", 3, Files),
    at("log.after_mark", 5, Files),
    at("log.synced", 4, Files),
    at("log.synced", 2, ToKafka),
    at("log.settled", 1, Files),
    at("log.settled", 3, Files),
    at("log.rotate.created", 1, Files),
    at("log.rotate.created", 1, Recovery),
    at("log.remove", 1, Recovery),
    at("checkpoint.before_data", 1, Files),
    at("checkpoint.before_data", 3, Files),
    at("checkpoint.after_data", 2, Files),
    at("checkpoint.before_manifest", 1, Files),
    at("checkpoint.before_manifest", 3, Files),
    at("checkpoint.after_manifest", 1, Files),
    at("checkpoint.after_manifest", 3, Files),
    at("checkpoint.after_manifest", 2, FromKafka),
    at("checkpoint.retain", 2, Files),
    at("recovery.before_identity", 1, Files),
    at("recovery.after_identity", 1, Files),
    at("recovery.log_opened", 1, Files),
    at("recovery.loaded", 1, Files),
    at("recovery.before_identity", 1, Recovery),
    at("recovery.after_identity", 1, Recovery),
    at("recovery.log_opened", 1, Recovery),
    at("recovery.loaded", 1, Recovery),
    at("send.before_request", 1, Files),
    at("send.before_request", 30, Files),
    at("send.after_response", 1, Files),
    at("send.after_response", 20, Files),
    at("send.before_settle", 10, Files),
    at("kafka.before_begin", 1, ToKafka),
    at("kafka.before_commit", 1, ToKafka),
    at("kafka.after_commit", 1, ToKafka),
    at("kafka.before_settle", 1, ToKafka),
];
