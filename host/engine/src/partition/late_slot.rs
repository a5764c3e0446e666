//! The places of rows that come after their slice was sealed.

use super::{
    super::{
        group::{Group, Key},
        lateness::{Phase, RevisionPoint},
        segment::SegmentKind,
        slice::SliceNumber,
        states::States,
    },
    FoldContext, Folded, PartitionState, Unplaced,
};
use crate::Fault;

/// The place of a late accumulator: first the window, so that those of a closed one are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Late {
    /// The first window that is open for it; with ALLOW LATENESS also the first revision of closed windows that takes it.
    pub(in super::super) point: RevisionPoint,
    pub(in super::super) slice: SliceNumber,
    pub(in super::super) group: Group,
}

impl Late {
    /// Of a segment of late rows.
    pub(super) fn of(kind: SegmentKind, group: Group) -> Self {
        let (window, slice, phase) = match kind {
            SegmentKind::Late { window, slice } => (window, slice, Phase::End),
            SegmentKind::LateForLast { window, slice } => (window, slice, Phase::LastRevision),
            _ => unreachable!("late accumulators"),
        };
        Self { point: RevisionPoint { window, phase }, slice, group }
    }
}

impl PartitionState {
    /// The slot of a row that comes after its slice was sealed.
    #[cold]
    pub(super) fn late_slot(
        &mut self,
        slice: SliceNumber,
        closed_upto: i64,
        key: Key<'_>,
        context: &mut FoldContext<'_>,
        folded: &mut Folded,
    ) -> Result<u32, Unplaced> {
        let (slicing, lateness) = (context.slicing, context.lateness);
        let is_over = |window| match lateness {
            None => slicing.end(window) <= closed_upto,
            Some(lateness) => lateness.is_over(window, closed_upto),
        };
        if is_over(slicing.last_window(slice)) {
            return Err(Unplaced::Late);
        }
        folded.late_partial += u64::from(is_over(slicing.first_window(slice)));
        if slice < context.first_slice {
            return Err(Unplaced::Unwanted);
        }
        let window = slicing.last_ended(closed_upto).next();
        let point = match lateness {
            Some(lateness) => lateness.next_point(closed_upto),
            None if slicing.cumulates() => {
                // The slice that this window ends with is in the same windows that are still open.
                let number = SliceNumber(window.0);
                let (start, end) = slicing.bounds(number);
                let group = self.admit(key, number, context)?;
                let index = self.slice_index(number, start, end);
                return Ok(self.slot_in(index, group, context.slots));
            }
            None => RevisionPoint { window, phase: Phase::End },
        };
        let group = self.admit(key, slice, context)?;
        let slot = self.late.entry(Late { point, slice, group }).or_insert_with(|| {
            *self.held.at(group.0) += 1;
            context.slots.take()
        });
        Ok(*slot)
    }

    /// Forgets slices before one, and what came late for them; gives their slots back.
    pub(in super::super) fn forget_before(
        &mut self,
        first: SliceNumber,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let (mut slots, mut groups) = (Vec::new(), Vec::new());
        while let Some(slice) = self.slices.pop_front_if(|slice| slice.number < first) {
            for (group, slot) in slice.groups() {
                slots.push(slot);
                groups.push(group);
            }
        }
        self.late.retain(|late, &mut slot| {
            let is_kept = late.slice >= first;
            if !is_kept {
                slots.push(slot);
                groups.push(late.group);
            }
            is_kept
        });
        groups.into_iter().for_each(|group| self.release_group(group));
        states.release(&slots)
    }
}
