//! FOLD and CLOSE of one query in different processes: what passes between them is bytes.
//!
//! A process that reads a partition has a [`PartitionFold`]; the process that closes the windows has a [`WindowClose`]. Sealed
//! slices may arrive in any order, but before the watermark that covers them. Sessions are not divided: their CLOSE looks at events in
//! FOLD that are not sealed.

use streamgauge_common::partition::Partition;
use streamgauge_sql::manifest::{Aggregate, Window};

use super::{
    Accumulators, BadWindow, Closed, Fault, FoldBatch, Folded, SealedSlice, SealedStates, Settings,
    close::Close,
    fold::Fold,
    sealed::{Closing, Inbox, SealedSlices},
    slice::Slicing,
    slot::SlotAllocator,
    states::States,
};

/// FOLD of one partition, without CLOSE.
#[derive(Debug)]
pub struct PartitionFold {
    partition: Partition,
    slicing: Slicing,
    fold: Fold,
    aggregates: Vec<Aggregate>,
    slots: SlotAllocator,
}

/// CLOSE, without FOLD.
#[derive(Debug)]
pub struct WindowClose {
    close: Close,
    inbox: Inbox,
    aggregates: Vec<Aggregate>,
    slots: SlotAllocator,
}

impl PartitionFold {
    /// A partition of which nothing was read.
    pub fn new(window: &Window, settings: Settings, partition: Partition) -> Result<Self, BadWindow> {
        let slicing = Slicing::new(window)?;
        // Its slices leave for good, so closed windows take no rows here.
        let mut fold = Fold::new(slicing, Settings { lateness_us: None, ..settings }, key_types(window));
        fold.add_partition(partition);
        let aggregates = window.aggregates.clone();
        Ok(Self { partition, slicing, fold, aggregates, slots: SlotAllocator::default() })
    }

    /// Folds rows. Windows that end at or before `closed` were closed although this partition had not come so far.
    pub fn fold(
        &mut self,
        batch: &FoldBatch<'_>,
        closed: i64,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Folded, Fault> {
        let Self { partition, fold, aggregates, slots, .. } = self;
        fold.fold(*partition, batch, closed, &mut States { aggregates, accumulators, slots })
    }

    /// No row comes any more.
    pub fn end(&mut self) {
        self.fold.end(self.partition);
    }

    /// The partition's own watermark: it covers all that [`PartitionFold::seal`] has given.
    pub fn watermark(&self) -> i64 {
        self.fold.watermark(self.partition)
    }

    /// Gives away what the partition's own watermark has completed, as bytes.
    pub fn seal(&mut self, accumulators: &mut [Box<dyn Accumulators>]) -> Result<Vec<SealedSlice>, Fault> {
        let window = self.slicing.last_ended(self.watermark());
        let end = self.slicing.end_slice(window);
        let closing = Closing { window, first_needed: end };
        let Self { fold, aggregates, slots, .. } = self;
        let mut states = States { aggregates, accumulators, slots };
        let mut sealed = Vec::new();
        let mut take = |part, states: &mut States<'_>| {
            sealed.push(to_bytes(part, states)?);
            Ok(())
        };
        while let Some(slice) = fold.first_slice().filter(|&slice| slice < end) {
            fold.seal_slice(slice, &closing, &mut states, &mut take)?;
        }
        fold.seal_late(&closing, &mut states, &mut take)?;
        Ok(sealed)
    }
}

impl WindowClose {
    /// Of a source with these partitions.
    pub fn new(
        window: &Window,
        settings: Settings,
        partitions: impl IntoIterator<Item = Partition>,
    ) -> Result<Self, BadWindow> {
        let mut close = Close::new(Slicing::new(window)?, &settings, key_types(window));
        partitions.into_iter().for_each(|partition| close.source.observe(partition, i64::MIN));
        let (inbox, aggregates) = (Inbox::default(), window.aggregates.clone());
        Ok(Self { close, inbox, aggregates, slots: SlotAllocator::default() })
    }

    /// Takes a sealed slice; its states as bytes.
    pub fn receive(&mut self, sealed: SealedSlice) {
        debug_assert!(matches!(sealed.states, SealedStates::Bytes { .. }), "slots mean nothing here");
        self.inbox.receive(sealed);
    }

    /// A partition's own watermark has come so far, and all that it covers was received; `i64::MAX` = the partition has ended.
    pub fn observe(&mut self, partition: Partition, watermark: i64) {
        self.close.source.observe(partition, watermark);
    }

    /// As [`WindowQuery::next_closed`](super::WindowQuery::next_closed).
    pub fn next_closed(
        &mut self,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Option<Closed>, Fault> {
        let Self { close, inbox, aggregates, slots } = self;
        close.next_closed(inbox, &mut States { aggregates, accumulators, slots })
    }
}

/// Takes the states of a sealed slice out of the reducers.
fn to_bytes(part: SealedSlice, states: &mut States<'_>) -> Result<SealedSlice, Fault> {
    let SealedStates::Slots(slots) = &part.states else { return Ok(part) };
    let bytes = states.snapshot(slots)?;
    states.release(slots)?;
    let versions = states.versions();
    Ok(SealedSlice { states: SealedStates::Bytes { versions, states: bytes }, ..part })
}

fn key_types(window: &Window) -> Vec<streamgauge_common::column::DataType> {
    window.keys.iter().map(|key| key.data_type).collect()
}
