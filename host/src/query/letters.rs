//! What a query reports beside its rows: counts, dead letters, time spent.

use std::sync::Arc;

use streamgauge_common::{column::Column, reason::Reason, row::write_json};
use streamgauge_component::query::Failure;
use streamgauge_engine::{Closed, Pass};
use streamgauge_sql::manifest::{self, Manifest};

use super::{EmitContext, Subscription};
use crate::{
    deliver::{dead_letter::DeadLetter, output::OutputError},
    timings::{Step, Timings},
};

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events read: rows, and records that could not be decoded to any.
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

/// What a query task counts and says beside its rows.
pub struct Context {
    /// Whom it works for.
    pub subscription: Arc<Subscription>,
    /// What was counted so far.
    pub counts: Counts,
    /// Whether something was written that is not flushed yet.
    pub wrote: bool,
    /// Dead letters of the batch that is being taken, as lines: a fault takes them back.
    letters: Vec<u8>,
    /// Those of events that are late: they are counted as late, not as dead letters.
    late_letters: Vec<u8>,
}

/// What can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    counts: Counts,
    letters: usize,
    late_letters: usize,
}

impl Context {
    /// Nothing is counted yet.
    pub fn new(subscription: Arc<Subscription>) -> Self {
        Self {
            subscription,
            counts: Counts::default(),
            wrote: false,
            letters: Vec::new(),
            late_letters: Vec::new(),
        }
    }

    /// Where the time went.
    pub fn timings(&self) -> &Timings {
        &self.subscription.timings
    }

    /// Counts and writes a dead letter; its source is this one. One of a replay is counted where the file of dead letters does not
    /// have it.
    pub fn dead_letter(&mut self, letter: &DeadLetter<'_>, pass: Pass) {
        match &self.subscription.dead_letters {
            Some(letters) => {
                let lines = match letter.reason {
                    Reason::Late => &mut self.late_letters,
                    _ => &mut self.letters,
                };
                DeadLetter { source: &self.subscription.source, ..letter.clone() }
                    .write(letters.record_text(), lines);
            }
            None if letter.reason == Reason::Late => {}
            None => self.counts.dead_letters += u64::from(pass == Pass::Live),
        }
    }

    /// Whether somebody is to be told which events are late.
    pub(super) fn wants_late(&self) -> bool {
        self.subscription.tells_late && self.subscription.dead_letters.is_some()
    }

    /// What is counted and said from here on can be taken back.
    pub fn begin(&self) -> Before {
        let (letters, late_letters) = (self.letters.len(), self.late_letters.len());
        Before { counts: self.counts, letters, late_letters }
    }

    /// Takes back what was counted and said since.
    pub fn roll_back(&mut self, before: Before) {
        self.counts = before.counts;
        self.letters.truncate(before.letters);
        self.late_letters.truncate(before.late_letters);
    }

    /// What was said stays said.
    pub fn commit(&mut self) {
        if self.letters.is_empty() && self.late_letters.is_empty() {
            return;
        }
        let (lines, late) = (std::mem::take(&mut self.letters), std::mem::take(&mut self.late_letters));
        if let Some(letters) = &self.subscription.dead_letters {
            self.counts.dead_letters += letters.write(&lines);
            letters.write(&late);
            self.wrote = true;
        }
    }

    /// Hands on the dead letters that were written so far. Where nobody reads them any more, the deployment ends.
    pub fn flush_letters(&mut self) {
        let flushed = self.subscription.dead_letters.as_ref().map_or(Ok(()), |letters| letters.flush());
        if flushed.is_err() {
            self.subscription.abandon();
        }
    }

    /// Whether all dead letters so far survive a power cut.
    pub fn sync_letters(&mut self) -> bool {
        self.subscription.dead_letters.as_ref().is_none_or(|letters| letters.sync())
    }

    /// Why dead letters wait to be written; none where none do.
    pub fn letters_trouble(&self) -> Option<String> {
        self.subscription.dead_letters.as_ref().and_then(|letters| letters.trouble())
    }

    /// Notes what came of writing rows; gives why they cannot be written, unless their reader went away.
    pub fn check(&mut self, written: Result<(), OutputError>) -> Option<String> {
        match written {
            Err(error) if error.is_closed_pipe() => {
                self.subscription.abandon();
                None
            }
            Err(error) => Some(error.to_string()),
            Ok(()) => None,
        }
    }

    /// Times the engine, without the reducers that it calls.
    pub(super) fn grouping<T>(&self, work: impl FnOnce() -> T) -> T {
        let reducers = self.timings().spent_ns(Step::Reducers);
        let before = self.timings().now_ns();
        let done = work();
        let spent = self.timings().now_ns().saturating_sub(before);
        let inside = self.timings().spent_ns(Step::Reducers).saturating_sub(reducers);
        self.timings().add(Step::Grouping, spent.saturating_sub(inside));
        done
    }
}

/// Dead letters of a complete window: they name the window and the group.
pub(super) struct WindowDeadLetters<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) closed: &'a Closed,
    pub(super) starts: &'a Column,
    pub(super) ends: &'a Column,
}

impl WindowDeadLetters<'_> {
    /// A group for which a reducer has no value.
    pub(super) fn evaluate(&self, row: u32, aggregate: usize, why: &str, scope: &mut EmitContext<'_>) {
        let window = self.manifest.window.as_ref();
        let call = window.and_then(|window| window.aggregates.get(aggregate));
        let text = call.map_or("an aggregate", |aggregate| aggregate.text.as_str());
        self.write(row, Reason::Evaluate, &format!("{text}: {why}"), scope);
    }

    /// A group for which HAVING or the SELECT list has no value.
    pub(super) fn expression(&self, failure: &Failure, message: &str, scope: &mut EmitContext<'_>) {
        self.write(failure.row, failure.reason, message, scope);
    }

    fn write(&self, row: u32, reason: Reason, message: &str, scope: &mut EmitContext<'_>) {
        let names: Vec<String> = (0..self.closed.keys.len()).map(|key| self.key_name(key)).collect();
        let bounds = [("window_start", self.starts), ("window_end", self.ends)];
        let keys = names.iter().map(String::as_str).zip(&self.closed.keys);
        let mut group = Vec::new();
        write_json(&mut group, bounds.into_iter().chain(keys), row as usize);
        let message = format!("{message}, for {}", String::from_utf8_lossy(&group));
        let (query, record) = (self.manifest.name.as_str(), group.as_slice());
        scope.dead_letter(&DeadLetter { source: "", query, place: None, reason, message: &message, record });
    }

    /// What the SELECT list calls a key; where it does not select it, its number.
    fn key_name(&self, key: usize) -> String {
        let selected = self.manifest.output.iter().find(|output| output.column == manifest::Column::Key(key));
        selected.map_or_else(|| format!("key_{}", key + 1), |output| output.name.clone())
    }
}
