//! Where a process is crashed, and in the middle of what.

use std::fmt;

use fastrand::Rng;

use self::Run::{Files, FromKafka, ToKafka};

/// What a process does when it crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    /// Reads files, writes a file and tells a webhook.
    Files,
    /// Reads files and writes to a topic.
    ToKafka,
    /// Reads a topic to its end and writes a file.
    FromKafka,
}

/// A process that crashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash {
    pub(super) run: Run,
    pub(super) place: Place,
    /// Where the one before it crashed, so that there is something to recover; none = it is the first.
    pub(super) before: Option<Place>,
}

/// A moment of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The point, as the code names it.
    pub(super) point: &'static str,
    /// Whether it is passed for the first time, the second, ...
    pub(super) turn: u32,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, place, before } = self;
        let before = before.map(|Place { point, turn }| format!("-behind-{point}-{turn}"));
        write!(f, "{run:?}-{}-{}{}", place.point, place.turn, before.unwrap_or_default())
    }
}

/// Processes that crash one after the other, anywhere.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) run: Run,
    /// Its number among others.
    number: usize,
    pub(super) places: Vec<Place>,
}

/// How many processes of a series crash, and how late in their lives: later ones have less to do.
const SERIES_MAX: usize = 5;
const TURN_MAX: u32 = 3;

impl Series {
    pub(super) fn random(random: &mut Rng, number: usize) -> Self {
        let run = [Files, ToKafka, FromKafka][random.usize(..3)];
        // A point that the run does not pass lets a process finish early.
        let passed: Vec<&Crash> =
            CRASHES.iter().filter(|crash| crash.run == run || crash.is_of_all()).collect();
        let place = |random: &mut Rng| {
            let Place { point, turn } = passed[random.usize(..passed.len())].place;
            let once = point.starts_with("recovery.") || point == "kafka.after_fence";
            Place { point, turn: if once { 1 } else { random.u32(1..=turn.max(TURN_MAX)) } }
        };
        let places = (0..random.usize(1..=SERIES_MAX)).map(|_| place(random)).collect();
        Self { run, number, places }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-{}", self.run, self.number)?;
        self.places.iter().try_for_each(|Place { point, turn }| write!(f, "-{point}-{turn}"))
    }
}

const fn at(point: &'static str, turn: u32, run: Run) -> Crash {
    Crash { run, place: Place { point, turn }, before: None }
}

impl Crash {
    /// Whether every run passes its point.
    fn is_of_all(&self) -> bool {
        ["log.", "close.", "checkpoint.", "recovery."].iter().any(|part| self.place.point.starts_with(part))
    }

    /// The second crash in a row.
    const fn behind(self, point: &'static str, turn: u32) -> Self {
        Self { before: Some(Place { point, turn }), ..self }
    }

    /// Behind one that has decided some windows, and sent a part of them.
    const fn again(self) -> Self {
        self.behind("close.decided", 5)
    }
}

/// All points of the code; some more than once.
pub(super) const CRASHES: &[Crash] = &[
    at("close.decided", 1, Files),
    at("close.decided", 20, Files),
    at("close.decided", 5, FromKafka),
    at("close.decided", 5, Files).again(),
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
    at("log.rotate.created", 1, Files).again(),
    at("log.remove", 1, Files).again(),
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
    at("recovery.before_identity", 1, Files).again(),
    at("recovery.after_identity", 1, Files).again(),
    at("recovery.log_opened", 1, Files).again(),
    at("recovery.loaded", 1, Files).again(),
    at("send.before_request", 1, Files),
    at("send.before_request", 30, Files),
    at("send.after_response", 1, Files),
    at("send.after_response", 20, Files),
    at("send.before_settle", 10, Files),
    at("recovery.restored", 1, Files).again(),
    at("file.before_write", 1, Files),
    at("file.before_write", 4, Files).again(),
    at("file.before_mark", 1, Files),
    at("file.before_mark", 3, Files),
    at("file.after_mark", 2, Files),
    at("file.after_mark", 1, FromKafka),
    at("file.rotate.planned", 1, Files),
    at("file.rotate.planned", 2, Files).behind("file.rotate.planned", 1),
    at("file.rotate.moved", 2, Files),
    at("file.rotate.moved", 1, FromKafka),
    at("file.rotate.begun", 1, Files),
    at("file.rotate.begun", 2, Files).behind("file.rotate.moved", 1),
    at("file.rotate.marked", 2, Files),
    at("file.rotate.marked", 1, FromKafka).behind("file.rotate.begun", 1),
    at("letters.before_move", 1, Files),
    at("letters.before_create", 1, Files),
    at("letters.before_create", 1, FromKafka),
    at("kafka.after_fence", 1, ToKafka),
    at("kafka.before_begin", 1, ToKafka),
    at("kafka.before_commit", 1, ToKafka),
    at("kafka.after_commit", 1, ToKafka),
    at("kafka.before_settle", 1, ToKafka),
    at("kafka.after_fence", 1, ToKafka).behind("kafka.before_commit", 1),
    at("kafka.before_commit", 1, ToKafka).behind("kafka.before_commit", 1),
    at("kafka.after_commit", 1, ToKafka).behind("kafka.before_begin", 1),
    at("read.before_hand", 3, Files),
    at("read.before_hand", 4, FromKafka),
    at("read.before_end", 1, Files),
    at("decode.chunk", 2, Files),
    at("supervisor.watches", 1, Files),
    at("run.tick", 1, Files),
];

/// Points that these runs do not pass: `tests/cli/panics.rs` and `tests/serve/unfinished.rs` have them.
pub(super) const ELSEWHERE: &[&str] = &[
    "scrape.before_show",
    "scrape.render",
    "signals.hang_up",
    "monitor.render",
    "change.failed",
    "change.states_back",
    "table.content_kept",
];

/// Where a thread that speaks with Kafka or with a receiver panics, and its name; `tests/cli/panics.rs` has the others.
pub(super) const PANICS: &[(Crash, &str)] = &[
    (at("send.before_request", 5, Files), "deliver"),
    (at("kafka.before_settle", 1, ToKafka), "to kafka"),
    (at("read.before_hand", 4, FromKafka), "read"),
    (at("decode.chunk", 1, FromKafka), "decode-"),
];
