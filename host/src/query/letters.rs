//! What a query reports beside its rows: counts, dead letters, time spent.

use std::sync::Arc;

use streamgauge_sql::manifest::{self, Manifest};

use crate::{
    column::Column,
    component::query::Failure,
    decode::Reason,
    deliver::{dead_letter::DeadLetter, letters::Letters, output::OutputError},
    engine::Closed,
    row::write_json,
    state::decision::Sent,
    timings::{Step, Timings},
};

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records read.
    pub events: u64,
    /// Rows that went to a sink.
    pub rows: u64,
    /// Events that were late for every window that covers them.
    pub late: u64,
    /// Events that were late for some of them.
    pub late_partial: u64,
    /// What could not be used.
    pub dead_letters: u64,
}

impl Counts {
    /// Adds another source's counts.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.rows += other.rows;
        self.late += other.late;
        self.late_partial += other.late_partial;
        self.dead_letters += other.dead_letters;
    }
}

/// What the queries of one source share.
#[derive(Clone)]
pub struct Context {
    /// The source's name.
    pub source: String,
    /// Where dead letters go; none = they are only counted.
    pub dead_letters: Option<Arc<Letters>>,
    /// What was counted so far.
    pub counts: Counts,
    /// Where the time went.
    pub timings: Arc<Timings>,
    /// Whether something was written that is not flushed yet.
    pub wrote: bool,
    /// The first output that failed: rows must not vanish silently, so reading stops.
    pub broken: Option<String>,
    /// Whether a reader of our rows went away (`streamgauge ... | head`): reading stops, and that is no failure.
    pub unread: bool,
    /// Whether what is being decided was decided before: nothing of it is sent.
    pub muted: bool,
    /// Messages of what is being decided.
    pub sent: Vec<Sent>,
    /// Dead letters of the batch that is being taken, as lines: a fault takes them back.
    pub letters: Vec<u8>,
}

/// What can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    counts: Counts,
    letters: usize,
}

impl Context {
    /// For queries of a source; nothing is counted yet.
    pub fn new(source: &str, dead_letters: Option<Arc<Letters>>, timings: Arc<Timings>) -> Self {
        Self {
            source: source.to_owned(),
            dead_letters,
            counts: Counts::default(),
            timings,
            wrote: false,
            broken: None,
            unread: false,
            muted: false,
            sent: Vec::new(),
            letters: Vec::new(),
        }
    }

    /// For the same source, with nothing counted.
    pub fn fresh(&self) -> Self {
        Self::new(&self.source, self.dead_letters.clone(), self.timings.clone())
    }

    /// For what nobody is to hear of.
    pub fn mute(source: &str) -> Self {
        Self::new(source, None, Arc::default())
    }

    /// Counts and writes a dead letter; its source is this one.
    pub fn dead_letter(&mut self, letter: &DeadLetter<'_>) {
        // What was decided before may not have been told: the file knows.
        match self.dead_letters {
            Some(_) => DeadLetter { source: &self.source, ..letter.clone() }.write(&mut self.letters),
            None => self.counts.dead_letters += u64::from(!self.muted),
        }
    }

    /// What is counted and said from here on can be taken back.
    pub fn begin(&self) -> Before {
        Before { counts: self.counts, letters: self.letters.len() }
    }

    /// Takes back what was counted and said since.
    pub fn roll_back(&mut self, before: Before) {
        self.counts = before.counts;
        self.letters.truncate(before.letters);
        self.sent.clear();
        self.muted = false;
    }

    /// What was said stays said.
    pub fn commit(&mut self) {
        if self.letters.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.letters);
        if let Some(letters) = &self.dead_letters {
            let written = letters.write(&lines);
            self.wrote = true;
            self.counts.dead_letters += written.as_ref().copied().unwrap_or(0);
            self.check(written.map(|_| ()));
        }
    }

    /// Notes an output that no longer takes lines.
    pub fn check(&mut self, written: Result<(), OutputError>) {
        match written {
            Err(error) if error.is_closed_pipe() => self.unread = true,
            Err(error) => drop(self.broken.get_or_insert(error.to_string())),
            Ok(()) => {}
        }
    }

    /// Whether there is no place left for what is read.
    pub fn is_cut_off(&self) -> bool {
        self.broken.is_some() || self.unread
    }

    /// Times the engine, without the reducers that it calls.
    pub(super) fn grouping<T>(&self, work: impl FnOnce() -> T) -> T {
        let reducers = self.timings.spent_ns(Step::Reducers);
        let before = self.timings.now_ns();
        let done = work();
        let spent = self.timings.now_ns().saturating_sub(before);
        let inside = self.timings.spent_ns(Step::Reducers).saturating_sub(reducers);
        self.timings.add(Step::Grouping, spent.saturating_sub(inside));
        done
    }
}

/// Dead letters of a complete window: they name the window and the group.
pub(super) struct OfWindow<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) closed: &'a Closed,
    pub(super) starts: &'a Column,
    pub(super) ends: &'a Column,
}

impl OfWindow<'_> {
    /// A group for which a reducer has no value.
    pub(super) fn evaluate(&self, row: u32, aggregate: usize, why: &str, context: &mut Context) {
        let window = self.manifest.window.as_ref();
        let call = window.and_then(|window| window.aggregates.get(aggregate));
        let text = call.map_or("an aggregate", |aggregate| aggregate.text.as_str());
        self.write(row, Reason::Evaluate, &format!("{text}: {why}"), context);
    }

    /// A group for which HAVING or the SELECT list has no value.
    pub(super) fn expression(&self, failure: &Failure, message: &str, context: &mut Context) {
        self.write(failure.row, failure.reason, message, context);
    }

    fn write(&self, row: u32, reason: Reason, message: &str, context: &mut Context) {
        let names: Vec<String> = (0..self.closed.keys.len()).map(|key| self.key_name(key)).collect();
        let bounds = [("window_start", self.starts), ("window_end", self.ends)];
        let keys = names.iter().map(String::as_str).zip(&self.closed.keys);
        let mut group = Vec::new();
        write_json(&mut group, bounds.into_iter().chain(keys), row as usize);
        let message = format!("{message}, for {}", String::from_utf8_lossy(&group));
        let (query, record) = (self.manifest.name.as_str(), group.as_slice());
        context.dead_letter(&DeadLetter {
            source: "",
            query,
            place: None,
            reason,
            message: &message,
            record,
        });
    }

    /// What the SELECT list calls a key; where it does not select it, its number.
    fn key_name(&self, key: usize) -> String {
        let selected = self.manifest.output.iter().find(|output| output.column == manifest::Column::Key(key));
        selected.map_or_else(|| format!("key_{}", key + 1), |output| output.name.clone())
    }
}
