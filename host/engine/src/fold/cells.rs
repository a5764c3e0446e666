//! The accumulators in FOLD one by one: what sessions ask of it.

use std::collections::BTreeSet;

use streamgauge_common::partition::Partition;

use super::{
    super::{
        group::Key,
        sealed::SealedSlices,
        segment::{FoldSegment, SegmentId},
        slice::SliceNumber,
        states::States,
    },
    Fold,
};

/// An accumulator that is not sealed.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Unsealed<'a> {
    pub(in super::super) partition: Partition,
    pub(in super::super) slice: SliceNumber,
    /// The encoded key of its group.
    pub(in super::super) key: &'a [u8],
    pub(in super::super) slot: u32,
}

impl Fold {
    /// The first slice that is not sealed.
    pub(in super::super) fn first_unsealed(&self) -> Option<SliceNumber> {
        SealedSlices::first_slice(self)
    }

    /// The accumulators that are not sealed in slices up to one.
    pub(in super::super) fn unsealed(&self, last: SliceNumber) -> impl Iterator<Item = Unsealed<'_>> {
        self.partitions.iter().flat_map(move |(&which, partition)| {
            let slices = partition.slices().take_while(move |slice| slice.number <= last);
            slices.flat_map(move |slice| {
                slice.groups().map(move |(group, slot)| Unsealed {
                    partition: which,
                    slice: slice.number,
                    key: partition.key(group),
                    slot,
                })
            })
        })
    }

    /// The accumulators of a group in a slice, one a partition that has one.
    pub(in super::super) fn slots_of(&self, slice: SliceNumber, key: Key<'_>) -> impl Iterator<Item = u32> {
        self.partitions.values().filter_map(move |partition| partition.slot_of(slice, key))
    }

    /// The accumulator of a group in a slice of a partition.
    pub(in super::super) fn slot_of(
        &self,
        which: Partition,
        slice: SliceNumber,
        key: Key<'_>,
    ) -> Option<u32> {
        self.partitions.get(&which)?.slot_of(slice, key)
    }

    /// Whether a slot has changed since the last capture.
    pub(in super::super) fn is_touched(&self, slot: u32) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.is_touched(slot))
    }

    /// Whether all of a segment is captured: it was asked for, or it was put back from states of other versions.
    pub(in super::super) fn is_whole(&self, id: &FoldSegment, whole: &BTreeSet<SegmentId>) -> bool {
        let is_outdated = self.changes.as_ref().is_some_and(|changes| changes.is_outdated(id));
        is_outdated || whole.contains(&SegmentId::Fold(*id))
    }

    /// A segment is put back from states of these versions.
    pub(in super::super) fn outdate(&mut self, id: FoldSegment, versions: &[u32], states: &States<'_>) {
        if let Some(changes) = &mut self.changes
            && states.has_other_versions(versions)
        {
            changes.outdate(id);
        }
    }
}
