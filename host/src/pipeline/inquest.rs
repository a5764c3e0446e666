//! Which record makes a plugin fail.
//!
//! The state of a guest that failed is lost. So the query goes back to its checkpoint, reads again up to the batch in which
//! it failed, and halves that: of the half that is folded well a copy is kept, the other is tried again from there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use streamgauge_engine::{Capture, Part, PartId};
use streamgauge_state::saved::{Positions, Saved};

use super::{Source, feed::Event};
use crate::{
    decode::Batch,
    query::{Context, Root},
};

/// How long nothing may come before it is looked whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// A copy of a query's state.
pub struct Copy {
    saved: Saved,
    parts: BTreeMap<PartId, Vec<Part>>,
}

impl Copy {
    /// Of a checkpoint.
    pub fn new(saved: Saved, parts: Vec<Part>) -> Self {
        let mut copy = Self { saved, parts: BTreeMap::new() };
        parts.into_iter().for_each(|part| copy.add(part));
        copy
    }

    fn add(&mut self, part: Part) {
        let pieces = self.parts.entry(part.id).or_default();
        if part.whole {
            pieces.clear();
        }
        pieces.push(part);
    }

    /// Follows what has changed.
    fn follow(&mut self, capture: Capture) {
        let Capture { standing, parts, kept } = capture;
        self.saved.standing = Some(standing);
        parts.into_iter().for_each(|part| self.add(part));
        self.parts.retain(|id, _| kept.contains(id));
    }

    /// Puts the query where the copy was made.
    fn restore(&self, root: &mut Root) -> Result<(), String> {
        let windows =
            root.windows(&self.saved, self.parts.values().flatten()).map_err(|error| error.to_string())?;
        root.replace_windows(windows);
        Ok(())
    }
}

/// Records of one batch that may make a plugin fail before it is given up.
pub const RECORDS_MAX: usize = 100;

/// Reads again from the checkpoint up to a batch of `partition`, the offsets `first` to `last`, and condemns the records that make
/// a plugin fail: their offsets, and what happened; no record where it does not fail again.
///
/// The query is good for nothing afterwards but to go back.
///
/// # Errors
/// A source that cannot be read again, a state that cannot be put back.
pub fn find(
    root: &mut Root,
    source: &Source,
    (partition, first, last): (u32, i64, i64),
    stop: &AtomicBool,
) -> Result<Vec<(i64, String)>, String> {
    let reached = root.positions().clone();
    let (saved, parts) = root.last_checkpoint()?;
    let mut copy = Copy::new(saved, parts);
    root.go_back(&copy.saved.positions.clone())?;
    copy.restore(root)?;
    let mut feed = (source.open)(root.positions(), root.beginning())?;
    let mut context = Context::mute(&source.name);
    while !stop.load(Relaxed) {
        match feed.next(TICK) {
            Event::Batch(batch) => {
                let wanted = known(&batch, partition, last, &reached);
                let before = wanted.chunk.offsets.partition_point(|&offset| offset < first);
                if batch.chunk.partition == partition && before < wanted.chunk.len() {
                    root.take(&wanted.part(0..before), &mut context);
                    return halve(root, &wanted.part(before..wanted.chunk.len()), &mut copy, &mut context);
                }
                root.take(&wanted, &mut context);
            }
            Event::Assigned { partition, start, .. } => root.assign_active(partition, start),
            Event::ReachedEnd { partition } => root.reached_end(partition, &mut context),
            Event::Over => return Ok(Vec::new()),
            Event::Failed(why) => return Err(why),
            Event::Done { .. }
            | Event::Topic(_)
            | Event::Asked
            | Event::Idle { .. }
            | Event::Notice(_)
            | Event::Quiet => {}
        }
        if root.fallen().is_some() {
            return Ok(Vec::new());
        }
    }
    Ok(Vec::new())
}

/// The records of a batch that the query had folded before it failed, and those in which it did: what follows them is
/// undecided, and is not touched.
fn known(batch: &Batch, partition: u32, last: i64, reached: &Positions) -> Batch {
    let end = match batch.chunk.partition {
        number if number == partition => last + 1,
        number => reached.get(&number).map_or(i64::MIN, |progress| progress.next),
    };
    batch.part(0..batch.chunk.offsets.partition_point(|&offset| offset < end))
}

/// Condemns the records of a batch that fail.
fn halve(
    root: &mut Root,
    batch: &Batch,
    copy: &mut Copy,
    context: &mut Context,
) -> Result<Vec<(i64, String)>, String> {
    let mut guilty = Vec::new();
    let (mut good, end) = (0, batch.chunk.len());
    keep(root, copy)?;
    while guilty.len() < RECORDS_MAX
        && let Err(mut fallen) = root.probe(&batch.part(good..end), context)
    {
        let mut bad = end;
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            copy.restore(root)?;
            match root.probe(&batch.part(good..middle), context) {
                Ok(()) => {
                    keep(root, copy)?;
                    good = middle;
                }
                Err(earlier) => (fallen, bad) = (earlier, middle),
            }
        }
        let Some(&offset) = batch.chunk.offsets.get(good) else { break };
        let why = fallen.fault.to_string();
        root.condemn(batch.chunk.partition, offset, why.clone());
        guilty.push((offset, why));
        // The next try passes over it.
        copy.restore(root)?;
    }
    Ok(guilty)
}

/// Takes over what the query has folded.
fn keep(root: &mut Root, copy: &mut Copy) -> Result<(), String> {
    let captured = root.capture(&BTreeSet::new()).map_err(|fault| fault.to_string())?;
    captured.into_iter().for_each(|capture| copy.follow(capture));
    Ok(())
}
