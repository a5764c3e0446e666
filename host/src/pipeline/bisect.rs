//! Which record makes a plugin fail.
//!
//! The state of a guest that failed is lost. So the query goes back to its checkpoint, reads again up to the batch in which
//! it failed, and halves that: of the half that is folded well a copy is kept, the other is tried again from there. A record
//! is never divided: where one of its events makes a plugin fail, all of it is a dead letter.
//!
//! The last step, in which one record is folded from a copy of the state, is recorded where a crash bundle is wanted. A fault that
//! is of no record, and one that may not come again, is recorded by reading again up to it ([`record`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use streamgauge_common::{offset::Offset, partition::Partition, wakeup::Stop};
use streamgauge_engine::{Fault, SegmentId, Snapshot, StateSegment};
use streamgauge_state::manifest::{Offsets, TaskManifest};

use super::{INPUT, Source, reader::Event};
use crate::{
    crashes::Watched,
    decode::Batch,
    query::{QueryTask, TaskFailure},
};

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

/// The records that make a plugin fail: their offsets, and what happened.
type Poison = Vec<(Offset, String)>;

/// A batch: its partition, and the first and the last of its offsets.
type Span = (Partition, Offset, Offset);

/// What is done at the batch in which a task has failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The records that make a plugin fail are quarantined.
    Quarantine,
    /// It is folded as it was, and recorded.
    Record,
}

/// Reads again from the checkpoint up to a batch of `partition`, the offsets `first` to `last`, in which there was a fault, and
/// quarantines the records that make a plugin fail; no record where it does not fail again.
///
/// The query is good for nothing afterwards but to go back.
///
/// # Errors
/// A source that cannot be read again, a state that cannot be put back.
pub fn find(
    task: &mut QueryTask,
    source: &Source,
    (batch, fault): (Span, &Fault),
    stop: &Stop,
) -> Result<Poison, String> {
    let context = task.mute(&source.name);
    let found = read_again(task, source, batch, Purpose::Quarantine, stop);
    if found.as_ref().is_ok_and(Vec::is_empty) && task.wants_crash(fault) {
        task.keep_crash(fault);
    }
    task.unmute(context);
    task.tell_crashes();
    found
}

/// Reads again from the checkpoint up to where a task has failed, and records the call that failed, if a crash bundle of it is wanted.
/// Nothing is decided meanwhile.
///
/// The query is good for nothing afterwards but to go back.
///
/// # Errors
/// A source that cannot be read again, a state that cannot be put back.
pub fn record(
    task: &mut QueryTask,
    source: &Source,
    failure: &TaskFailure,
    stop: &Stop,
) -> Result<(), String> {
    if !task.wants_crash(&failure.fault) {
        return Ok(());
    }
    let context = task.mute(&source.name);
    let done = match failure.batch.filter(|_| failure.in_fold) {
        Some(batch) => {
            task.record(Watched::Restores);
            read_again(task, source, batch, Purpose::Record, stop).map(drop)
        }
        None => {
            task.record(Watched::Closes);
            close_again(task, source, stop)
        }
    };
    task.keep_crash(&failure.fault);
    task.unmute(context);
    task.tell_crashes();
    done
}

fn read_again(
    task: &mut QueryTask,
    source: &Source,
    (partition, first, last): Span,
    purpose: Purpose,
    stop: &Stop,
) -> Result<Poison, String> {
    let reached = task.offsets().clone();
    let mut copy = go_back(task)?;
    let mut reader = (source.open)(&task.read_from(partition.source))?;
    while !stop.is_set() {
        match reader.next(TICK) {
            Event::Batch(batch, _) => {
                let wanted = known(&batch, partition, last, &reached);
                let before = wanted.chunk.records_before(first);
                if INPUT.partition(batch.chunk.partition) == partition && before < wanted.chunk.len() {
                    task.take(INPUT, &wanted.part(0..before));
                    let suspects = wanted.part(before..wanted.chunk.len());
                    if purpose == Purpose::Record {
                        task.watch(Watched::Folds);
                        drop(task.fold_batch(INPUT, &suspects));
                        return Ok(Vec::new());
                    }
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
            | Event::EndsNow(_)
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

/// A task that has gone back to its checkpoint, with a copy of that.
fn go_back(task: &mut QueryTask) -> Result<StateCopy, String> {
    let (checkpoint, parts) = task.last_checkpoint()?;
    let copy = StateCopy::new(checkpoint, parts);
    task.go_back(&copy.checkpoint.offsets.clone())?;
    copy.restore(task)?;
    Ok(copy)
}

/// Reads again all that the query had folded, closes what it had closed, and captures its state, until it fails.
fn close_again(task: &mut QueryTask, source: &Source, stop: &Stop) -> Result<(), String> {
    let reached = task.offsets().clone();
    go_back(task)?;
    let mut ahead: BTreeMap<Partition, Offset> = reached
        .iter()
        .filter(|(partition, progress)| {
            let stands = task.offsets().get(partition);
            progress.done || stands.is_none_or(|stands| stands.next < progress.next)
        })
        .map(|(&partition, progress)| (partition, progress.next))
        .collect();
    let mut reader = (source.open)(&task.read_from(INPUT))?;
    while !ahead.is_empty() && !stop.is_set() && task.task_failure().is_none() {
        match reader.next(TICK) {
            Event::Batch(batch, _) => {
                let partition = INPUT.partition(batch.chunk.partition);
                let is_done =
                    |next: &Offset| batch.chunk.offsets.last().is_some_and(|last| last.next() >= *next);
                let ends = reached.get(&partition).is_some_and(|progress| progress.done);
                if !ends && ahead.get(&partition).is_some_and(is_done) {
                    ahead.remove(&partition);
                }
                task.take(INPUT, &until(&batch, reached.get(&partition).map(|progress| progress.next)));
            }
            Event::Assigned { partition, start, .. } => task.assign_active(INPUT.partition(partition), start),
            Event::ReachedEnd { partition } => task.reached_end(INPUT.partition(partition)),
            Event::Done { partition }
                if reached.get(&INPUT.partition(partition)).is_some_and(|it| it.done) =>
            {
                ahead.remove(&INPUT.partition(partition));
                task.end(INPUT.partition(partition));
            }
            Event::EndOfInput => break,
            Event::Failed(why) => return Err(why),
            _ => {}
        }
    }
    // What idle partitions brought about is done again where all others stand where they stood.
    reached.keys().for_each(|&partition| task.reached_end(partition));
    task.close();
    if task.task_failure().is_none() && task.engine_mut().is_some_and(|engine| !engine.is_mid_window()) {
        drop(task.snapshot(&BTreeSet::new()));
    }
    Ok(())
}

/// The records of a batch that the query had folded before it failed, and those in which it did: what follows them is
/// undecided, and is not touched.
fn known(batch: &Batch, partition: Partition, last: Offset, reached: &Offsets) -> Batch {
    match INPUT.partition(batch.chunk.partition) {
        failed if failed == partition => until(batch, Some(last.next())),
        other => until(batch, reached.get(&other).map(|progress| progress.next)),
    }
}

/// The records of a batch before an offset; none where there is no offset.
fn until(batch: &Batch, end: Option<Offset>) -> Batch {
    batch.part(0..batch.chunk.records_before(end.unwrap_or(Offset::MIN)))
}

/// Quarantines the records of a batch that fail.
fn bisect_batch(
    task: &mut QueryTask,
    batch: &Batch,
    copy: &mut StateCopy,
    records_max: usize,
) -> Result<Poison, String> {
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
        if task.wants_crash(&task_failure.fault) {
            task.record(Watched::Restores);
            copy.restore(task)?;
            task.watch(Watched::Folds);
            drop(task.fold_batch(INPUT, &batch.part(good..good + 1)));
            task.keep_crash(&task_failure.fault);
        }
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
