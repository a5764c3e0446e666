//! How far a deployment is with a source; others read it while it runs.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use streamgauge_common::{offset::Offset, partition::Partition};

use crate::{decode::Batch, metrics::SourceMetrics};

/// How far a deployment is with a source.
#[derive(Debug)]
pub struct Progress {
    events: AtomicU64,
    rows: AtomicU64,
    dead_letters: AtomicU64,
    /// In microseconds; `i64::MIN` = none yet.
    watermark_us: AtomicI64,
    /// Whether its partitions are known and read.
    has_begun: AtomicBool,
    looks: AtomicU64,
    /// Records whose events are counted: several readers may read them, and a query that went back reads them again.
    counted: Mutex<BTreeMap<Partition, Runs>>,
    /// The watermarks of its partitions, in microseconds.
    partitions: Mutex<BTreeMap<Partition, i64>>,
    metrics: SourceMetrics,
}

impl Default for Progress {
    /// Of a use of a source that only its own process hears of.
    fn default() -> Self {
        Self::shown_in(SourceMetrics::noop())
    }
}

impl Progress {
    /// At the beginning; what is counted moves these metrics, too.
    pub fn shown_in(metrics: SourceMetrics) -> Self {
        Self {
            events: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            watermark_us: AtomicI64::new(i64::MIN),
            has_begun: AtomicBool::new(false),
            looks: AtomicU64::new(0),
            counted: Mutex::default(),
            partitions: Mutex::default(),
            metrics,
        }
    }

    /// Events read, each once; a record can hold several.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Rows that went to a sink.
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Dead letters, without rows that receivers reject.
    pub fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Relaxed)
    }

    /// The least watermark of its queries, in microseconds: `i64::MIN` = none yet, `i64::MAX` = the end.
    pub fn watermark_us(&self) -> i64 {
        self.watermark_us.load(Relaxed)
    }

    /// Whether its partitions are known and read.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Relaxed)
    }

    /// Its partitions are known and read from here on.
    pub fn set_begun(&self) {
        self.has_begun.store(true, Relaxed);
    }

    /// How often pipelines have looked after its tasks: seldom while nothing happens.
    pub fn looks(&self) -> u64 {
        self.looks.load(Relaxed)
    }

    /// A pipeline looks after one of its tasks.
    pub(super) fn count_look(&self) {
        self.looks.fetch_add(1, Relaxed);
    }

    /// Counts the events of a batch that are not counted yet, and gives which those are. Its reader had read up to `from`: no record is
    /// between there and the batch.
    pub fn count_events(&self, partition: Partition, from: Offset, batch: &Batch) -> Vec<Range<Offset>> {
        let Some(last) = batch.chunk.offsets.last() else { return Vec::new() };
        let new = {
            // Each change of it is complete before anything that could panic.
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            counted.entry(partition).or_default().add(from..last.next())
        };
        let events = |Range { start, end }: &Range<Offset>| {
            let records = batch.chunk.records_before(*start)..batch.chunk.records_before(*end);
            match records.len() {
                0 => 0,
                all if all == batch.chunk.len() => batch.events(),
                _ => batch.part(records).events(),
            }
        };
        let events: u64 = new.iter().map(events).sum();
        if events > 0 {
            self.events.fetch_add(events, Relaxed);
            self.metrics.events.increment(events);
        }
        new
    }

    /// Counts rows that went to a sink, and dead letters. By query they are counted beside: see [`Context`](super::Context).
    pub(super) fn count(&self, rows: u64, dead_letters: u64) {
        self.rows.fetch_add(rows, Relaxed);
        self.dead_letters.fetch_add(dead_letters, Relaxed);
    }

    /// The watermark of a partition, as a query sees it; that of the query which has read furthest is kept.
    pub(super) fn set_partition_watermark(&self, partition: Partition, watermark_us: i64) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let at = partitions.entry(partition).or_insert(watermark_us);
        *at = watermark_us.max(*at);
    }

    /// The watermarks of its partitions, in microseconds; of those of which there was no event there is none.
    pub fn partition_watermarks(&self) -> BTreeMap<Partition, i64> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The least watermark is this one now.
    pub(super) fn set_watermark(&self, watermark_us: i64) {
        let before = self.watermark_us.swap(watermark_us, Relaxed);
        if watermark_us != before && watermark_us != i64::MIN && watermark_us != i64::MAX {
            self.metrics.watermark.set(watermark_us as f64 / 1e6);
        }
    }
}

/// Offsets as runs that do not touch, in their order: as many as there are readers at most, since each reads on from where it was.
#[derive(Debug, Default)]
struct Runs(Vec<Range<Offset>>);

impl Runs {
    /// Adds a run; gives the parts of it that were not there.
    fn add(&mut self, run: Range<Offset>) -> Vec<Range<Offset>> {
        let first = self.0.partition_point(|other| other.end < run.start);
        let behind = self.0.partition_point(|other| other.start <= run.end);
        let (mut new, mut at, mut whole) = (Vec::new(), run.start, run.clone());
        for there in self.0.drain(first..behind) {
            if at < there.start {
                new.push(at..there.start);
            }
            at = at.max(there.end);
            whole = whole.start.min(there.start)..whole.end.max(there.end);
        }
        if at < run.end {
            new.push(at..run.end);
        }
        self.0.insert(first, whole);
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn run(start: i64, end: i64) -> Range<Offset> {
        Offset(start)..Offset(end)
    }

    #[test]
    fn what_was_there_is_not_new_and_runs_that_touch_are_one() {
        let mut runs = Runs::default();
        assert_eq!(runs.add(run(10, 20)), [run(10, 20)]);
        assert_eq!(runs.add(run(20, 30)), [run(20, 30)], "the next batch of the same reader");
        assert_eq!(runs.add(run(0, 5)), [run(0, 5)], "a reader that is behind");
        assert_eq!(runs.0, [run(0, 5), run(10, 30)]);
        assert_eq!(runs.add(run(5, 15)), [run(5, 10)], "it comes to where the other began");
        assert_eq!(runs.add(run(3, 25)), [], "a query reads again");
        assert_eq!(runs.0, [run(0, 30)]);
    }

    proptest! {
        #[test]
        fn each_offset_is_new_once(added in prop::collection::vec((0i64..60, 1i64..20), 0..20)) {
            let (mut runs, mut seen) = (Runs::default(), BTreeSet::new());
            for (start, length) in added {
                let new: Vec<i64> = runs.add(run(start, start + length)).into_iter().flat_map(|new| new.start.0..new.end.0).collect();
                let expected: Vec<i64> = (start..start + length).filter(|&offset| seen.insert(offset)).collect();
                prop_assert_eq!(new, expected);
                prop_assert!(runs.0.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", runs);
            }
        }
    }
}
