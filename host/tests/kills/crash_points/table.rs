//! Where a process is crashed, and in which run.

/// A point of the code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) name: &'static str,
    /// The process crashes when it passes the point for the first time, the second, ...
    pub(super) turn: u32,
    pub(super) run: Run,
}

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

const fn at(name: &'static str, turn: u32, run: Run) -> Point {
    Point { name, turn, run }
}

/// Behind which point a process crashes so that the next one has something to recover.
pub(super) const UNFINISHED: (&str, u32) = ("close.decided", 3);

/// All points, by name.
pub(super) const POINTS: &[Point] = &[at("log.append", 1, Run::Files)];
