//! What FOLD keeps of closed windows with ALLOW LATENESS: their slices and what came late for them, as long as they may be revised.
//!
//! CLOSE gets copies. What is kept stays the state of the partition, so it is captured and put back like slices that are not sealed.

use super::{
    super::{
        Fault,
        group::{Group, Key},
        lateness::{Lateness, Phase, RevisionPoint},
        sealed::{Closing, GROUPS_MAX, SealedSlice, SealedStates, TakeSealed},
        segment::FoldSegment,
        slice::{SliceNumber, WindowNumber},
        states::{AggregateClass, Pairs, States},
    },
    Fold, GroupSlots, keys, late,
};
use crate::partition::PartitionState;

/// What is kept, and what of it CLOSE has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retained {
    pub(super) lateness: Lateness,
    /// CLOSE has got the slices before it.
    pub(super) slices_given: SliceNumber,
    /// CLOSE has got what came late for windows up to it.
    pub(super) late_given: WindowNumber,
    /// What came late for slices before it is only of revisions: when it was put back all their windows were closed.
    needed_from: SliceNumber,
}

/// A row's place that came late for closed windows.
pub(in super::super) struct LatePlace<'a> {
    pub(in super::super) point: RevisionPoint,
    pub(in super::super) slice: SliceNumber,
    pub(in super::super) key: &'a [u8],
    pub(in super::super) slot: u32,
}

impl Retained {
    pub(super) fn new(lateness: Lateness) -> Self {
        let (slices_given, late_given) = (SliceNumber::MIN, WindowNumber::MIN);
        Self { lateness, slices_given, late_given, needed_from: SliceNumber::MIN }
    }

    /// The first window that takes rows of a partition which CLOSE has not got.
    pub(super) fn first_window(&self, fold: &Fold, partition: &PartitionState) -> Option<WindowNumber> {
        let slice = partition.first_slice_from(self.slices_given);
        // What came too late for all open windows is only of revisions.
        let mut late = partition.late_behind(self.late_given);
        let is_open = |late: &super::Late| late.point.window <= fold.slicing.last_window(late.slice);
        let late = late.find(|(late, _)| is_open(late) && self.needed_from <= late.slice);
        let in_time = slice.map(|slice| fold.slicing.first_window(slice));
        in_time.into_iter().chain(late.map(|(late, _)| late.point.window)).min()
    }
}

impl Fold {
    /// Goes on where CLOSE has got what is before a slice; what it needs of open windows it gets again.
    pub(in super::super) fn restore_given(&mut self, first_needed: SliceNumber) {
        if let Some(retained) = &mut self.retained {
            (retained.slices_given, retained.late_given) = (first_needed, WindowNumber::MIN);
            retained.needed_from = first_needed;
        }
    }

    /// Gives a copy of a slice.
    pub(super) fn copy_slice(
        &mut self,
        slice: SliceNumber,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        for (&which, partition) in &self.partitions {
            let Some(found) = partition.slice(slice) else { continue };
            let id = FoldSegment { partition: which, kind: super::SegmentKind::Slice(slice) };
            give_copies(id, partition, &found.groups().collect::<GroupSlots>(), states, take)?;
        }
        if let Some(retained) = &mut self.retained {
            retained.slices_given = slice.plus(1);
        }
        Ok(())
    }

    /// Gives copies of what came late for the window that closes, or for one before it.
    pub(super) fn copy_late(
        &mut self,
        retained: &Retained,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        let first = self.slicing.first_slice(closing.window);
        let windows = retained.late_given.next()..=closing.window;
        for (&which, partition) in &self.partitions {
            let wanted = |late: &super::Late| windows.contains(&late.point.window) && late.slice >= first;
            for (id, groups) in late(which, partition, wanted) {
                give_copies(id, partition, &groups, states, take)?;
            }
        }
        self.retained = Some(Retained { late_given: closing.window, ..*retained });
        Ok(())
    }

    /// Forgets what no revision behind a time needs.
    pub(in super::super) fn forget_over(
        &mut self,
        closed: i64,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let Some(retained) = &self.retained else { return Ok(()) };
        let first = retained.lateness.first_kept(closed);
        self.partitions.values_mut().try_for_each(|partition| partition.forget_before(first, states))
    }

    /// The next revision point behind a time for which rows have come.
    pub(in super::super) fn next_revision(&self, closed: i64) -> Option<RevisionPoint> {
        let lateness = self.retained.as_ref()?.lateness;
        let ended = self.slicing.last_ended(closed);
        let next = |partition: &PartitionState| {
            let (late, _) = partition.late_behind(ended).next()?;
            let is_next = lateness.at(late.point) > closed;
            Some(if is_next { late.point } else { RevisionPoint { phase: Phase::End, ..late.point } })
        };
        self.partitions.values().filter_map(next).min()
    }

    /// What came late behind the end of a window, up to a revision point: partitions ascending.
    pub(in super::super) fn late_upto(
        &self,
        behind: WindowNumber,
        point: RevisionPoint,
    ) -> impl Iterator<Item = LatePlace<'_>> {
        self.partitions.values().flat_map(move |partition| {
            let late = partition.late_behind(behind).take_while(move |(late, _)| late.point <= point);
            late.map(move |(late, slot)| LatePlace {
                point: late.point,
                slice: late.slice,
                key: partition.key(late.group),
                slot,
            })
        })
    }

    /// The first slice that is not before one, in any partition.
    pub(in super::super) fn first_slice_from(&self, first: SliceNumber) -> Option<SliceNumber> {
        self.partitions.values().filter_map(|partition| partition.first_slice_from(first)).min()
    }

    /// The slots of a group in a slice, partitions ascending.
    pub(in super::super) fn slots_in(&self, slice: SliceNumber, key: &[u8]) -> impl Iterator<Item = u32> {
        let key = Key::of(key);
        self.partitions.values().filter_map(move |partition| partition.slot_of(slice, key))
    }
}

/// Gives copies of groups, some at a time.
fn give_copies(
    id: FoldSegment,
    partition: &PartitionState,
    groups: &[(Group, u32)],
    states: &mut States<'_>,
    take: &mut TakeSealed<'_>,
) -> Result<(), Fault> {
    for groups in groups.chunks(GROUPS_MAX) {
        let keys = keys(partition, groups.iter().map(|&(group, _)| group));
        let (mut copies, mut pairs) = (Vec::with_capacity(groups.len()), Pairs::default());
        for &(_, slot) in groups {
            let copy = states.slots.take();
            pairs.push(copy, slot);
            copies.push(copy);
        }
        states.merge(AggregateClass::All, &pairs)?;
        let states_of = SealedStates::Slots(copies);
        take(SealedSlice { partition: id.partition, kind: id.kind, keys, states: states_of }, states)?;
    }
    Ok(())
}
