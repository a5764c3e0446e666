//! Which record makes a plugin fail.
//!
//! The state of a guest that failed is lost. So the query goes back to its checkpoint, reads again up to the batch in which
//! it failed, and halves that: of the half that is folded well a copy is kept, the other is tried again from there. A record
//! is never divided: where one of its events makes a plugin fail, all of it is a dead letter.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use streamgauge_common::{offset::Offset, partition::Partition, wakeup::Stop};
use streamgauge_engine::{SegmentId, Snapshot, StateSegment};
use streamgauge_state::manifest::{Offsets, TaskManifest};

use super::{INPUT, Source, reader::Event};
use crate::{decode::Batch, query::QueryTask};

/// How long nothing may come before it is looked whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// A copy of a query's state.
pub struct StateCopy {
    checkpoint: TaskManifest,
    parts: BTreeMap<SegmentId, Vec<StateSegment>>,
}

impl StateCopy {
    /// Of a checkpoint.
    pub fn new(checkpoint: TaskManifest, parts: Vec<StateSegment>) -> Self {
        let mut copy = Self { checkpoint, parts: BTreeMap::new() };
        parts.into_iter().for_each(|part| copy.add(part));
        copy
    }

    fn add(&mut self, part: StateSegment) {
        let pieces = self.parts.entry(part.id).or_default();
        if part.whole {
            pieces.clear();
        }
        pieces.push(part);
    }

    /// Follows what has changed.
    fn follow(&mut self, snapshot: Snapshot) {
        let Snapshot { window_progress, parts, kept } = snapshot;
        self.checkpoint.window_progress = Some(window_progress);
        parts.into_iter().for_each(|part| self.add(part));
        self.parts.retain(|id, _| kept.contains(id));
    }

    /// Puts the query where the copy was made.
    fn restore(&self, task: &mut QueryTask) -> Result<(), String> {
        task.put_back(&self.checkpoint, self.parts.values().flatten()).map_err(|error| error.to_string())
    }
}

/// Reads again from the checkpoint up to a batch of `partition`, the offsets `first` to `last`, and quarantines the records that make
/// a plugin fail: their offsets, and what happened; no record where it does not fail again.
///
/// The query is good for nothing afterwards but to go back.
///
/// # Errors
/// A source that cannot be read again, a state that cannot be put back.
pub fn find(
    task: &mut QueryTask,
    source: &Source,
    batch: (Partition, Offset, Offset),
    stop: &Stop,
) -> Result<Vec<(Offset, String)>, String> {
    let context = task.mute(&source.name);
    let found = read_again(task, source, batch, stop);
    task.unmute(context);
    found
}

fn read_again(
    task: &mut QueryTask,
    source: &Source,
    (partition, first, last): (Partition, Offset, Offset),
    stop: &Stop,
) -> Result<Vec<(Offset, String)>, String> {
    let reached = task.offsets().clone();
    let (checkpoint, parts) = task.last_checkpoint()?;
    let mut copy = StateCopy::new(checkpoint, parts);
    task.go_back(&copy.checkpoint.offsets.clone())?;
    copy.restore(task)?;
    let mut reader = (source.open)(&task.read_from(partition.source))?;
    while !stop.is_set() {
        match reader.next(TICK) {
            Event::Batch(batch) => {
                let wanted = known(&batch, partition, last, &reached);
                let before = wanted.chunk.records_before(first);
                if INPUT.partition(batch.chunk.partition) == partition && before < wanted.chunk.len() {
                    task.take(INPUT, &wanted.part(0..before));
                    let suspects = wanted.part(before..wanted.chunk.len());
                    return bisect_batch(task, &suspects, &mut copy, source.faults.poison_records_max);
                }
                task.take(INPUT, &wanted);
            }
            Event::Assigned { partition, start, .. } => task.assign_active(INPUT.partition(partition), start),
            Event::ReachedEnd { partition } => task.reached_end(INPUT.partition(partition)),
            Event::EndOfInput => return Ok(Vec::new()),
            Event::Failed(why) => return Err(why),
            Event::Done { .. }
            | Event::Topic(_)
            | Event::Asked
            | Event::Idle { .. }
            | Event::Waits(_)
            | Event::GoesOn(_)
            | Event::TimedOut => {}
        }
        if task.task_failure().is_some() {
            return Ok(Vec::new());
        }
    }
    Ok(Vec::new())
}

/// The records of a batch that the query had folded before it failed, and those in which it did: what follows them is
/// undecided, and is not touched.
fn known(batch: &Batch, partition: Partition, last: Offset, reached: &Offsets) -> Batch {
    let end = match INPUT.partition(batch.chunk.partition) {
        failed if failed == partition => last.next(),
        other => reached.get(&other).map_or(Offset::MIN, |progress| progress.next),
    };
    batch.part(0..batch.chunk.records_before(end))
}

/// Quarantines the records of a batch that fail.
fn bisect_batch(
    task: &mut QueryTask,
    batch: &Batch,
    copy: &mut StateCopy,
    records_max: usize,
) -> Result<Vec<(Offset, String)>, String> {
    let mut poison = Vec::new();
    let (mut good, end) = (0, batch.chunk.len());
    keep(task, copy)?;
    while poison.len() < records_max
        && let Err(mut task_failure) = task.fold_batch(INPUT, &batch.part(good..end))
    {
        let mut bad = end;
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            copy.restore(task)?;
            match task.fold_batch(INPUT, &batch.part(good..middle)) {
                Ok(()) => {
                    keep(task, copy)?;
                    good = middle;
                }
                Err(earlier) => (task_failure, bad) = (earlier, middle),
            }
        }
        let Some(&offset) = batch.chunk.offsets.get(good) else { break };
        let why = task_failure.fault.to_string();
        task.quarantine(INPUT.partition(batch.chunk.partition), offset, why.clone());
        poison.push((offset, why));
        // The next try passes over it.
        copy.restore(task)?;
    }
    Ok(poison)
}

/// Takes over what the query has folded.
fn keep(task: &mut QueryTask, copy: &mut StateCopy) -> Result<(), String> {
    let captured = task.snapshot(&BTreeSet::new()).map_err(|fault| fault.to_string())?;
    captured.into_iter().for_each(|snapshot| copy.follow(snapshot));
    Ok(())
}
