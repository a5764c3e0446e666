//! What a query reports beside its rows: counts, dead letters, time spent.

mod first;
mod help;
mod not_json;
mod time_patterns;
mod token;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use metrics::Histogram;
use streamgauge_common::{column::Column, reason::Reason, row::write_json};
use streamgauge_component::query::Failure;
use streamgauge_engine::{Closed, Pass};
use streamgauge_sql::manifest::{self, Manifest};

use self::first::FirstLetters;
pub(super) use self::first::{Kind, PartlyUnread};
use super::{QueryContext, QueryProgress, Subscription};
use crate::{
    decode::layout::ColumnSpec,
    deliver::{
        dead_letter::{DeadLetter, RecordText},
        output::OutputError,
    },
    metrics::{QueryMetrics, close_seconds},
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

/// Which query of a query task: the one that reads the source is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryIndex(pub(super) usize);

/// How many dead letters of a batch are shown to people.
const SHOWN_MAX: usize = 100;

/// What a query task counts and says beside its rows.
pub struct Context {
    /// Whom it works for.
    pub subscription: Arc<Subscription>,
    /// What was counted so far.
    pub counts: Counts,
    /// Whether something was written that is not flushed yet.
    pub wrote: bool,
    /// What is not counted and said for good yet.
    uncommitted: Uncommitted,
    /// What the task's queries show and count; none where nobody hears of it.
    queries: Vec<(Arc<QueryProgress>, QueryMetrics)>,
    /// How long closing windows takes.
    close_seconds: Histogram,
    /// Of which dead letters people are told.
    first: FirstLetters,
}

/// What was counted and said of the batch or window that is being taken: a fault takes it back.
#[derive(Default)]
struct Uncommitted {
    counts: Counts,
    /// Rows, late events and partly late events, of each query that has some.
    by_query: BTreeMap<QueryIndex, Counts>,
    /// Dead letters, as lines where somebody keeps them.
    letters: Vec<u8>,
    /// The query and the reason of each of them; the query is none in a context that nobody hears of.
    letter_labels: Vec<(Option<QueryIndex>, Reason)>,
    /// Those of events that are late: they are counted as late, not as dead letters.
    late_letters: Vec<u8>,
    /// The first of them for people who look at them, each behind its query's name; and how many more there are.
    shown: Vec<(String, String)>,
    unshown: u64,
}

impl Context {
    /// Nothing is counted yet.
    pub fn new(subscription: Arc<Subscription>) -> Self {
        Self {
            subscription,
            counts: Counts::default(),
            wrote: false,
            uncommitted: Uncommitted::default(),
            queries: Vec::new(),
            close_seconds: Histogram::noop(),
            first: FirstLetters::default(),
        }
    }

    /// Counts by query, too, for queries with these names: by their indexes.
    pub(super) fn name_queries(&mut self, names: Vec<String>) {
        let subscription = &self.subscription;
        let shown =
            |name: String| (subscription.query(&name), QueryMetrics::new(&subscription.deployment, &name));
        self.queries = names.into_iter().map(shown).collect();
    }

    /// Shows how long it takes to close windows: those of this query.
    pub(super) fn time_closes(&mut self, query: &str) {
        self.close_seconds = close_seconds(&self.subscription.deployment, query);
    }

    /// All windows that were complete are decided, so long after there was what completed them.
    pub(super) fn note_closed(&self, took: Duration) {
        self.close_seconds.record(took.as_secs_f64());
    }

    /// What the query that reads the source shows of itself; none where nobody hears of it.
    pub(super) fn shown(&self) -> Option<&QueryProgress> {
        self.queries.first().map(|(progress, _)| &**progress)
    }

    /// Where the time went.
    pub fn timings(&self) -> &Timings {
        &self.subscription.timings
    }

    /// Counts rows that go to the sink of a query.
    pub(super) fn count_rows(&mut self, query: QueryIndex, rows: u64) {
        self.count(query, Counts { rows, ..Counts::default() });
    }

    /// Counts events that are late for a query: for all their windows, and for some.
    pub(super) fn count_late(&mut self, query: QueryIndex, late: u64, late_partial: u64) {
        if late + late_partial > 0 {
            self.count(query, Counts { late, late_partial, ..Counts::default() });
        }
    }

    fn count(&mut self, query: QueryIndex, counts: Counts) {
        self.uncommitted.counts.add(&counts);
        self.uncommitted.by_query.entry(query).or_default().add(&counts);
    }

    /// Counts a plugin of a query that failed; that is never taken back.
    pub(super) fn count_fault(&self, query: QueryIndex) {
        self.metrics(query).iter().for_each(|metrics| metrics.faults.increment(1));
    }

    fn metrics(&self, query: QueryIndex) -> Option<&QueryMetrics> {
        self.queries.get(query.0).map(|(_, metrics)| metrics)
    }

    /// Counts and writes a dead letter; its source is this one. One of a replay is counted where the file of dead letters does not
    /// have it. People are told of the first; `column` is the one that is to blame, if it is one.
    pub fn dead_letter(&mut self, letter: &DeadLetter<'_>, column: Option<&ColumnSpec>, pass: Pass) {
        let query = self.queries.iter().position(|(query, _)| query.name() == letter.query).map(QueryIndex);
        let Uncommitted { letter_labels, .. } = &mut self.uncommitted;
        let is_late = letter.reason == Reason::Late;
        if pass == Pass::Live || self.subscription.dead_letters.is_some() {
            if !is_late {
                letter_labels.push((query, letter.reason));
            }
            query.iter().for_each(|&query| self.first.note(query, letter, column, &self.subscription));
        }
        let is_shown = pass == Pass::Live && self.subscription.recent_letters.is_some();
        if is_shown && self.uncommitted.shown.len() < SHOWN_MAX {
            let mut line = Vec::new();
            DeadLetter { source: &self.subscription.source, ..letter.clone() }
                .write(RecordText::Excerpt, &mut line);
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.uncommitted.shown.push((letter.query.to_owned(), line));
        } else if is_shown {
            self.uncommitted.unshown += 1;
        }
        let Uncommitted { letters: lines, late_letters, .. } = &mut self.uncommitted;
        if let Some(letters) = &self.subscription.dead_letters {
            let lines = if is_late { late_letters } else { lines };
            DeadLetter { source: &self.subscription.source, ..letter.clone() }
                .write(letters.record_text(), lines);
        }
    }

    /// Another column of a record whose dead letter names one is to blame as well: people are told if it is the first time.
    pub(super) fn also_unread(&mut self, letter: &DeadLetter<'_>, column: Option<&ColumnSpec>, pass: Pass) {
        let query = self.queries.iter().position(|(query, _)| query.name() == letter.query).map(QueryIndex);
        if pass == Pass::Live || self.subscription.dead_letters.is_some() {
            query.iter().for_each(|&query| self.first.note(query, letter, column, &self.subscription));
        }
    }

    /// Tells what is wrong with a record whose row is shown.
    pub(super) fn tell_unread(&mut self, unread: PartlyUnread<'_>) {
        self.first.tell_unread(unread, &self.subscription);
    }

    /// Whether somebody is to be told which events are late for a query.
    pub(super) fn wants_late(&self, query: QueryIndex) -> bool {
        let is_first = || !self.queries.is_empty() && self.first.is_new(query, &(Reason::Late, None));
        self.subscription.tells_late && (self.subscription.dead_letters.is_some() || is_first())
    }

    /// Takes back what was counted and said since the last commit.
    pub fn roll_back(&mut self) {
        self.uncommitted = Uncommitted::default();
        self.first.roll_back();
    }

    /// What was counted is counted, and what was said stays said.
    pub fn commit(&mut self) {
        let Uncommitted { counts, by_query, letters: lines, letter_labels, late_letters, shown, unshown } =
            std::mem::take(&mut self.uncommitted);
        if let Some(recent) = self.subscription.recent_letters.as_ref().filter(|_| !shown.is_empty()) {
            recent.add(unshown, shown.into_iter());
        }
        self.counts.add(&counts);
        self.first.commit(&self.subscription);
        for (query, counts) in by_query {
            let Some((shown, metrics)) = self.queries.get(query.0) else { continue };
            shown.count(&counts);
            metrics.rows.increment(counts.rows);
            metrics.late_events.increment(counts.late);
            metrics.partly_late_events.increment(counts.late_partial);
        }
        let mut taken: BTreeMap<(Option<QueryIndex>, Reason), u64> = BTreeMap::new();
        let mut take = |&mark| *taken.entry(mark).or_default() += 1;
        match &self.subscription.dead_letters {
            None => letter_labels.iter().for_each(take),
            Some(letters) if !letter_labels.is_empty() || !late_letters.is_empty() => {
                letters.write_each(&lines, |line| letter_labels.get(line).into_iter().for_each(&mut take));
                letters.write(&late_letters);
                self.wrote = true;
            }
            Some(_) => {}
        }
        self.subscription.progress.count(counts.rows, taken.values().sum());
        for ((query, reason), count) in taken {
            self.counts.dead_letters += count;
            let Some((shown, metrics)) = query.and_then(|query| self.queries.get(query.0)) else { continue };
            shown.count(&Counts { dead_letters: count, ..Counts::default() });
            metrics.dead_letters.get(&reason).into_iter().for_each(|counter| counter.increment(count));
        }
    }

    /// Hands on the dead letters that were written so far. Where nobody reads them any more, its deployment's tasks of this
    /// source are to end.
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

    /// Notes what came of writing rows; gives why they cannot be written, unless their reader went away and there is no other.
    pub fn check(&mut self, written: Result<(), OutputError>) -> Option<String> {
        match written {
            Err(error) if error.ends_run() => {
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
    pub(super) fn evaluate(&self, row: u32, aggregate: usize, why: &str, scope: &mut QueryContext<'_>) {
        let window = self.manifest.window.as_ref();
        let call = window.and_then(|window| window.aggregates.get(aggregate));
        let text = call.map_or("an aggregate", |aggregate| aggregate.text.as_str());
        self.write(row, Reason::Evaluate, &format!("{text}: {why}"), scope);
    }

    /// A group for which HAVING or the SELECT list has no value.
    pub(super) fn expression(&self, failure: &Failure, message: &str, scope: &mut QueryContext<'_>) {
        self.write(failure.row, failure.reason, message, scope);
    }

    fn write(&self, row: u32, reason: Reason, message: &str, scope: &mut QueryContext<'_>) {
        let names: Vec<String> = (0..self.closed.rows.keys.len()).map(|key| self.key_name(key)).collect();
        let bounds = [("window_start", self.starts), ("window_end", self.ends)];
        let keys = names.iter().map(String::as_str).zip(&self.closed.rows.keys);
        let mut group = Vec::new();
        write_json(&mut group, bounds.into_iter().chain(keys), row as usize);
        let message = format!("{message}, for {}", String::from_utf8_lossy(&group));
        let (query, record) = (self.manifest.name.as_str(), group.as_slice());
        let letter = DeadLetter { source: "", query, place: None, reason, message: &message, record };
        scope.dead_letter(&letter, None);
    }

    /// What the SELECT list calls a key; where it does not select it, its number.
    fn key_name(&self, key: usize) -> String {
        let window = self.manifest.window.as_ref();
        if window
            .and_then(|window| window.keys.get(key))
            .is_some_and(|key| key.column == manifest::Column::SetNumber)
        {
            return "grouping_set".to_owned();
        }
        let selected = self.manifest.output.iter().find(|output| output.column == manifest::Column::Key(key));
        selected.map_or_else(|| format!("key_{}", key + 1), |output| output.name.clone())
    }
}
