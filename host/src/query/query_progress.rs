//! What one query shows of itself; others read it while it runs.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{Counter, CounterFn, Gauge, GaugeFn};
use streamgauge_common::clock::Stopwatch;
use streamgauge_state::outbox::OutboxAge;

use super::{Counts, NoRows, RecentRows};

/// What [`QueryProgress::lag`] is where nobody knows.
const UNKNOWN: u64 = u64::MAX;

/// How far one query of a deployment is.
pub struct QueryProgress {
    name: String,
    rows: AtomicU64,
    late: AtomicU64,
    late_partial: AtomicU64,
    dead_letters: Arc<AtomicU64>,
    lag: AtomicU64,
    outbox: OnceLock<Arc<OutboxRows>>,
    /// The sink that its outbox is for, and how old what waits there is.
    outbox_age: OnceLock<(String, OutboxAge)>,
    checkpoints: OnceLock<Arc<Checkpoints>>,
    no_rows: Mutex<Option<NoRows>>,
    recent: OnceLock<Arc<RecentRows>>,
}

impl QueryProgress {
    /// Of a query that begins.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rows: AtomicU64::new(0),
            late: AtomicU64::new(0),
            late_partial: AtomicU64::new(0),
            dead_letters: Arc::default(),
            lag: AtomicU64::new(UNKNOWN),
            outbox: OnceLock::new(),
            outbox_age: OnceLock::new(),
            checkpoints: OnceLock::new(),
            no_rows: Mutex::default(),
            recent: OnceLock::new(),
        }
    }

    /// The query's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was counted of it, since the process began; events are counted by source.
    pub fn counts(&self) -> Counts {
        Counts {
            events: 0,
            rows: self.rows.load(Relaxed),
            late: self.late.load(Relaxed),
            late_partial: self.late_partial.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
        }
    }

    /// Counts more.
    pub fn count(&self, more: &Counts) {
        self.rows.fetch_add(more.rows, Relaxed);
        self.late.fetch_add(more.late, Relaxed);
        self.late_partial.fetch_add(more.late_partial, Relaxed);
        self.dead_letters.fetch_add(more.dead_letters, Relaxed);
    }

    /// What counts its dead letters: also the rows that a receiver rejects.
    pub fn dead_letters(&self) -> &Arc<AtomicU64> {
        &self.dead_letters
    }

    /// How many offsets it is behind the ends of its partitions; none where that is not known, or where it reads a view.
    pub fn lag(&self) -> Option<u64> {
        Some(self.lag.load(Relaxed)).filter(|&lag| lag != UNKNOWN)
    }

    /// It is so many offsets behind.
    pub fn set_lag(&self, lag: u64) {
        self.lag.store(lag, Relaxed);
    }

    /// Rows that are decided and wait for its sink; none where its rows are written as they are decided.
    pub fn outbox_rows(&self) -> Option<u64> {
        self.outbox.get().map(|shown| shown.rows.load(Relaxed))
    }

    /// The sink that its rows wait for, and how long the oldest has waited in this process; none where it has no outbox.
    pub fn outbox_age(&self) -> Option<(&str, Duration)> {
        let (sink, age) = self.outbox_age.get()?;
        Some((sink, age.oldest()?))
    }

    /// Shows how old what waits for a sink is.
    pub fn watch_outbox(&self, sink: &str, age: OutboxAge) {
        // A query has one outbox, which is put together once.
        self.outbox_age.get_or_init(|| (sink.to_owned(), age));
    }

    /// What its outbox is to move: the metric, and with it what is shown here.
    pub fn outbox_gauge(&self, metric: Gauge) -> Gauge {
        // A query has one outbox. The outbox itself is not kept here: it would outlive its state.
        let shown = self.outbox.get_or_init(|| Arc::new(OutboxRows { rows: AtomicU64::new(0), metric }));
        Gauge::from_arc(shown.clone())
    }

    /// How long ago its last checkpoint of this process was written, or still had all that the query has done; none where there is none.
    pub fn checkpoint_age(&self) -> Option<Duration> {
        let last = self.checkpoints.get()?.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| last.elapsed())
    }

    /// Its last checkpoint still has all that it has done.
    pub fn note_checkpoint_is_whole(&self) {
        self.checkpoints.get().into_iter().for_each(|shown| shown.restart());
    }

    /// What is to count its checkpoints: the metric, and with it the age that is shown here.
    pub fn checkpoint_counter(&self, metric: Counter) -> Counter {
        let shown = self.checkpoints.get_or_init(|| Arc::new(Checkpoints { last: Mutex::default(), metric }));
        Counter::from_arc(shown.clone())
    }

    /// Its last rows; none where they are not kept.
    pub fn recent(&self) -> Option<&Arc<RecentRows>> {
        self.recent.get()
    }

    /// Keeps its last rows from now on; gives where.
    pub fn keep_recent(&self, new: impl FnOnce() -> RecentRows) -> Arc<RecentRows> {
        self.recent.get_or_init(|| Arc::new(new())).clone()
    }

    /// Why there are no rows yet; none where there are some, or where nothing is known. Only of a query that reads a source.
    pub fn no_rows(&self) -> Option<NoRows> {
        // Nothing that could panic happens while it is held.
        self.no_rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why there are no rows yet.
    pub fn set_no_rows(&self, why: Option<NoRows>) {
        *self.no_rows.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// When the last checkpoint was written, and the metric that counts them.
struct Checkpoints {
    last: Mutex<Option<Stopwatch>>,
    metric: Counter,
}

impl Checkpoints {
    fn restart(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
    }
}

impl CounterFn for Checkpoints {
    fn increment(&self, value: u64) {
        self.restart();
        self.metric.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.metric.absolute(value);
    }
}

/// Rows in an outbox, and the metric that shows them.
struct OutboxRows {
    rows: AtomicU64,
    metric: Gauge,
}

impl GaugeFn for OutboxRows {
    fn increment(&self, value: f64) {
        self.rows.fetch_add(value as u64, Relaxed);
        self.metric.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.rows.fetch_sub(value as u64, Relaxed);
        self.metric.decrement(value);
    }

    fn set(&self, value: f64) {
        self.rows.store(value as u64, Relaxed);
        self.metric.set(value);
    }
}
