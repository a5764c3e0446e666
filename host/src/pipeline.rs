//! The loop, in the order of an event's way: the only file that names all steps.
//!
//! One thread a source. What waits (files, Kafka) and what is heavy (JSON) happens on other threads, behind bounded
//! queues; this thread folds, closes and delivers.

pub mod feed;
mod idleness;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use feed::{Event, Feed};
use idleness::Idleness;

use crate::{
    clock,
    column::Values,
    decode::{Batch, Reason, Reject},
    query::{Context, Counts, Incoming, RunningQuery},
};

/// How long the loop waits for input before it looks at idleness, outputs and whether to stop.
const TICK: Duration = Duration::from_millis(20);

/// A source and everything that reads it.
pub struct Pipeline {
    /// Where decoded batches come from.
    pub feed: Feed,
    /// The queries that read the source; their readers hang on them.
    pub queries: Vec<RunningQuery>,
    /// What they share.
    pub context: Context,
    /// Silence after which a partition no longer holds others back.
    pub idle_timeout: Duration,
    /// How far ahead of its record an event may be; none = as far as it likes.
    pub future: Option<Future>,
    /// What others may see of it.
    pub progress: Arc<Progress>,
}

/// The guard against event times that would close windows too early.
#[derive(Clone, Copy, Debug)]
pub struct Future {
    /// Which decoded column holds the event time.
    pub column: usize,
    /// How far ahead it may be, in microseconds.
    pub max_skew_us: i64,
}

/// How far a source is; read by others while it runs.
#[derive(Debug)]
pub struct Progress {
    /// Records read.
    pub events: AtomicU64,
    /// Rows that went to a sink.
    pub rows: AtomicU64,
    /// The least watermark of its queries, in microseconds; `i64::MIN` = none yet.
    pub watermark_us: AtomicI64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { events: AtomicU64::new(0), rows: AtomicU64::new(0), watermark_us: AtomicI64::new(i64::MIN) }
    }
}

/// How a pipeline ended.
#[derive(Debug)]
pub struct Ended {
    /// What was counted.
    pub counts: Counts,
    /// The queries that failed, with why; a source that failed stands here under its own name.
    pub failures: Vec<(String, String)>,
}

impl Pipeline {
    /// Runs to the end of the input, or until `stop`.
    pub fn run(mut self, stop: &AtomicBool, notice: &dyn Fn(&str)) -> Ended {
        let mut idleness = Idleness::new(self.idle_timeout);
        let (mut source_failure, mut told) = (None, BTreeSet::new());
        while !stop.load(Relaxed) && !self.context.is_cut_off() && !self.is_over() {
            match self.next_event() {
                Event::Batch(batch) => self.take(batch, &mut idleness),
                Event::Assigned { partition } => self.assign(partition, &mut idleness),
                Event::ReachedEnd { partition } => idleness.reached_end(partition),
                Event::Done { partition } => self.end(partition),
                Event::Connected(connected) => idleness.connected(connected),
                Event::Notice(text) => notice(&text),
                Event::Quiet => {}
                Event::Over => break,
                Event::Failed(why) => {
                    notice(&format!("source '{}' failed: {why}", self.context.source));
                    source_failure = Some(why);
                    break;
                }
            }
            self.watch_idle(&mut idleness);
            self.tell_failures(&mut told, notice);
            self.report();
        }
        self.flush();
        self.ended(source_failure)
    }

    /// What comes next; before waiting for it, rows that are decided go out.
    fn next_event(&mut self) -> Event {
        match self.feed.next(Duration::ZERO) {
            Event::Quiet => {
                self.flush();
                self.feed.next(TICK)
            }
            event => event,
        }
    }

    fn take(&mut self, mut batch: Batch, idleness: &mut Idleness) {
        let partition = batch.chunk.partition;
        if idleness.arrived(partition) {
            self.engines(|engine| engine.active(partition));
        }
        self.context.counts.events += batch.chunk.len() as u64;
        if let Some(future) = self.future {
            reject_future(&mut batch, future, clock::now_us());
        }
        let incoming = Incoming::of_batch(&batch);
        self.queries.iter_mut().for_each(|query| query.take(&incoming, &mut self.context));
    }

    fn assign(&mut self, partition: u32, idleness: &mut Idleness) {
        idleness.arrived(partition);
        self.engines(|engine| engine.active(partition));
    }

    fn end(&mut self, partition: u32) {
        self.engines(|engine| engine.end(partition));
        self.close();
    }

    /// Partitions that have gone quiet stop holding windows open; when all are, time itself goes on.
    fn watch_idle(&mut self, idleness: &mut Idleness) {
        let idle = idleness.newly_idle();
        for &partition in &idle {
            self.engines(|engine| engine.idle(partition));
        }
        let all_idle = idleness.all_idle();
        if let Some(silent) = all_idle {
            let elapsed_us = i64::try_from(silent.as_micros()).unwrap_or(i64::MAX);
            self.engines(|engine| engine.all_idle(elapsed_us));
        }
        if !idle.is_empty() || all_idle.is_some() {
            self.close();
        }
    }

    fn close(&mut self) {
        self.queries.iter_mut().for_each(|query| query.close(&mut self.context));
    }

    fn engines(&mut self, mut tell: impl FnMut(&mut crate::engine::WindowQuery)) {
        let windows = self.queries.iter_mut().filter_map(RunningQuery::windows_mut);
        windows.for_each(|windows| tell(&mut windows.engine));
    }

    fn is_over(&self) -> bool {
        self.queries.iter().all(RunningQuery::is_over)
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.context.wrote) {
            self.queries.iter().for_each(|query| query.flush(&mut self.context));
            if let Some(letters) = self.context.dead_letters.clone() {
                self.context.check(letters.flush());
            }
        }
    }

    /// Says at once which queries have failed: they may be few of many.
    fn tell_failures(&self, told: &mut BTreeSet<String>, notice: &dyn Fn(&str)) {
        for (query, why) in self.queries.iter().flat_map(RunningQuery::failures) {
            if !told.contains(query) {
                told.insert(query.to_owned());
                notice(&format!("query '{query}' failed: {why}"));
            }
        }
    }

    fn report(&mut self) {
        self.progress.events.store(self.context.counts.events, Relaxed);
        self.progress.rows.store(self.context.counts.rows, Relaxed);
        let windows = self.queries.iter_mut().filter_map(RunningQuery::windows_mut);
        if let Some(least) = windows.map(|windows| windows.engine.watermark()).min() {
            self.progress.watermark_us.store(least, Relaxed);
        }
    }

    fn ended(self, source_failure: Option<String>) -> Ended {
        let mut failures: Vec<(String, String)> = Vec::new();
        for (query, why) in self.queries.iter().flat_map(RunningQuery::failures) {
            failures.push((format!("query '{query}'"), why.to_owned()));
        }
        let source = format!("source '{}'", self.context.source);
        let own = source_failure.into_iter().chain(self.context.broken);
        failures.extend(own.map(|why| (source.clone(), why)));
        Ended { counts: self.context.counts, failures }
    }
}

/// Turns events that are too far ahead of their record into dead letters.
///
/// The measure is the time at which the record reached its broker, or else `now_us`.
fn reject_future(batch: &mut Batch, future: Future, now_us: i64) {
    let Some(column) = batch.columns.get(future.column) else { return };
    let Values::Timestamp(times) = &column.values else { return };
    for (row, &time) in (0_u32..).zip(times) {
        let arrived_us = batch.chunk.arrived_us.get(row as usize).copied().unwrap_or(now_us);
        if time > arrived_us.saturating_add(future.max_skew_us) && column.is_valid(row as usize) {
            batch.rejects.push(Reject {
                row,
                column: Some(future.column as u32),
                reason: Reason::Future,
                message: format!(
                    "the event time is {} s ahead of its record, more than max_future_skew",
                    time.saturating_sub(arrived_us) / 1_000_000
                ),
            });
        }
    }
}
