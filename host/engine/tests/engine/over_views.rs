//! Windows over the rows of windows, of all kinds: what is said to be complete is complete, whatever was idle and whenever both are
//! put back, so no row is late.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
};

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::{SegmentId, Settings, StateSegment, WindowProgress, WindowQuery};

use crate::{
    exact::is_expected,
    harness::{Dice, Event, Run, Setup, all_setups, first, partitions, read},
    oracle,
};

/// How many partitions the rows of the inner windows have.
const SHARDS: u32 = 3;

/// A query with what was captured of it.
struct Kept {
    run: Run,
    parts: BTreeMap<SegmentId, Vec<StateSegment>>,
}

impl Kept {
    fn new(setup: Setup, partitions: u32) -> Self {
        let mut run = Run::new(setup, partitions);
        run.query.track_changes();
        Self { run, parts: BTreeMap::new() }
    }

    fn capture(&mut self) -> WindowProgress {
        let captured = self.run.query.snapshot(&BTreeSet::new(), &mut self.run.accumulators).unwrap();
        captured.parts.into_iter().for_each(|part| self.parts.entry(part.id).or_default().push(part));
        self.parts.retain(|id, _| captured.kept.contains(id));
        captured.window_progress
    }

    /// The next process.
    fn put_back(&mut self, setup: Setup, progress: &WindowProgress) {
        let (fresh, version) = (Run::new(setup, 0), self.run.calls.version.load(Relaxed));
        (self.run.accumulators, self.run.calls) = (fresh.accumulators, fresh.calls);
        self.run.calls.version.store(version, Relaxed);
        let settings = Settings { delay_us: setup.delay, ..Settings::default() };
        self.run.query = WindowQuery::restored(&setup.window(), settings, progress).unwrap();
        for part in self.parts.values().flatten() {
            self.run.query.put_back(part, &[version; 4], &mut self.run.accumulators).unwrap();
        }
        self.run.query.end_restore();
    }
}

/// Closes what is complete, inner windows and then outer ones, and remembers the rows that pass.
fn close(inner: &mut Run, outer: &mut Run, passed: &mut Vec<Event>) {
    while let Some(closed) = inner.query.next_closed(&mut inner.accumulators).unwrap() {
        for row in (0..closed.rows.len()).map(|row| read(&closed, row)) {
            let id = passed.len() as i64;
            let value = Value::Float64(row.count as f64);
            let key = [row.key.first().cloned().unwrap_or(Value::Null), Value::Null];
            let event = Event { time: row.end - 1, key, value, kept: true, id };
            outer.fold(row.count as u32 % SHARDS, std::slice::from_ref(&event));
            passed.push(event);
        }
        if closed.completes_end {
            outer.query.complete(closed.window_end);
            outer.advance();
        }
    }
    outer.query.complete(inner.query.closed_upto());
    outer.advance();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_row_of_a_view_is_late(
        inner_setup in all_setups(), outer_setup in all_setups(), partitions in partitions(3), seed in any::<u64>(),
    ) {
        let outer_setup = Setup { delay: 0, parts: outer_setup.parts.min(1), ..outer_setup };
        let count = partitions.len() as u32;
        let (mut inner, mut outer) = (Kept::new(inner_setup, count), Kept::new(outer_setup, SHARDS));
        let (mut dice, mut done, mut passed) = (Dice(seed), vec![0; partitions.len()], vec![]);
        while (0..partitions.len()).any(|partition| done[partition] < partitions[partition].len()) {
            let partition = dice.below(partitions.len());
            let left = &partitions[partition][done[partition]..];
            let batch = &left[..left.len().min(1 + dice.below(6))];
            if !batch.is_empty() {
                inner.run.fold(partition as u32, batch);
                done[partition] += batch.len();
            }
            if dice.below(4) == 0 {
                inner.run.idle(&[dice.below(partitions.len()) as u32], 0);
            }
            if dice.below(3) == 0 {
                close(&mut inner.run, &mut outer.run, &mut passed);
                if dice.below(4) == 0 {
                    let progress = inner.capture();
                    outer.capture();
                    if dice.below(2) == 0 {
                        inner.put_back(inner_setup, &progress);
                        let closed = progress.closed;
                        let shards = (0..SHARDS).map(|shard| (first(shard), closed)).collect();
                        let progress = WindowProgress { closed, watermark: closed, partitions: shards };
                        outer.put_back(outer_setup, &progress);
                    }
                }
            }
        }
        (0..count).for_each(|partition| inner.run.end(partition));
        close(&mut inner.run, &mut outer.run, &mut passed);
        inner.run.finish(count);
        outer.run.finish(SHARDS);
        prop_assert_eq!(outer.run.folded.late, 0);
        // Each row in a partition of its own: there nothing is late.
        let alone: Vec<Vec<Event>> = passed.into_iter().map(|event| vec![event]).collect();
        let expected = match outer_setup.kind {
            streamgauge_sql::manifest::WindowKind::Session { .. } => oracle::sessions(&outer_setup, &alone).0,
            _ => oracle::rows(&outer_setup, &alone).0,
        };
        is_expected(&outer.run.rows, &expected)?;
    }
}
