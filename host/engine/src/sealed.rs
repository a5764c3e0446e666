//! The seam between FOLD and CLOSE: what a partition has folded into one slice, given away for good.
//!
//! Beside watermarks nothing else passes from FOLD to CLOSE. On one host both halves use the same reducers, so the states of a
//! sealed slice stay where they are and only their slots pass. Where the halves run in different processes the states pass as
//! bytes, and CLOSE restores them into slots of its own. The rows are the same in both cases, bit for bit: FOLD decides what
//! is in a sealed slice, and CLOSE orders merges by slice and partition alone.

use std::collections::BTreeMap;

use streamgauge_common::{column::Texts, partition::Partition};

use super::{
    Fault,
    segment::SegmentKind,
    slice::{SliceNumber, Slicing, WindowNumber},
    states::States,
};

/// The most groups of a sealed slice: a larger slice passes in several parts, so that no call into a reducer, and no list of
/// keys, gets too large.
pub(super) const GROUPS_MAX: usize = 1024;

/// Groups of one partition in one slice, or in the late accumulators of one slice; or a part of them, where there are many. They
/// never change again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSlice {
    /// The partition that folded it.
    pub partition: Partition,
    /// Which slice, and whether its rows came in time; never [`SegmentKind::Counted`].
    pub kind: SegmentKind,
    /// The encoded keys, one a group.
    pub keys: Texts,
    /// The states of each group.
    pub states: SealedStates,
}

/// The states of the groups of a sealed slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedStates {
    /// One slot a group, in the reducers that both halves use. CLOSE owns the slots from now on.
    Slots(Vec<u32>),
    /// From another process.
    Bytes {
        /// The versions of the states, one an aggregate call.
        versions: Vec<u32>,
        /// For each aggregate call one state a group.
        states: Vec<Texts>,
    },
}

/// Where CLOSE takes sealed slices from.
pub(super) trait SealedSlices {
    /// The first slice that it has rows of, of those that came in time.
    fn first_slice(&self) -> Option<SliceNumber>;

    /// The first window that takes rows which it has, in time or late.
    fn first_window(&self, slicing: &Slicing) -> Option<WindowNumber>;

    /// Gives a slice away: all that came in time, partitions ascending.
    fn seal_slice(
        &mut self,
        slice: SliceNumber,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault>;

    /// Gives the late accumulators away that the window that closes is the first to take, or one before it: for each slice and
    /// window partitions ascending.
    fn seal_late(
        &mut self,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault>;
}

/// Takes what is sealed.
pub(super) type TakeSealed<'a> = dyn FnMut(SealedSlice, &mut States<'_>) -> Result<(), Fault> + 'a;

/// The window that closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub(super) window: WindowNumber,
    /// The first slice that a later window needs.
    pub(super) first_needed: SliceNumber,
}

/// Sealed slices that came from other processes, until a window needs them.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    in_time: BTreeMap<(SliceNumber, Partition), Vec<SealedSlice>>,
    /// By the first window that takes them, slice and partition.
    late: BTreeMap<(WindowNumber, SliceNumber, Partition), Vec<SealedSlice>>,
}

impl Inbox {
    pub(super) fn receive(&mut self, sealed: SealedSlice) {
        let partition = sealed.partition;
        match sealed.kind {
            SegmentKind::Slice(slice) => self.in_time.entry((slice, partition)).or_default().push(sealed),
            SegmentKind::Late { window, slice } => {
                self.late.entry((window, slice, partition)).or_default().push(sealed);
            }
            // What may be revised stays where it was folded.
            SegmentKind::LateForLast { .. }
            | SegmentKind::Counted(_)
            | SegmentKind::Moments(_)
            | SegmentKind::Sessions => {
                unreachable!("only accumulators of slices are sealed")
            }
        }
    }
}

impl SealedSlices for Inbox {
    fn first_slice(&self) -> Option<SliceNumber> {
        self.in_time.first_key_value().map(|(&(slice, _), _)| slice)
    }

    fn first_window(&self, slicing: &Slicing) -> Option<WindowNumber> {
        let in_time = self.first_slice().map(|slice| slicing.first_window(slice));
        let late = self.late.first_key_value().map(|(&(window, ..), _)| window);
        in_time.into_iter().chain(late).min()
    }

    fn seal_slice(
        &mut self,
        slice: SliceNumber,
        _: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        while let Some(first) = self.in_time.first_entry().filter(|first| first.key().0 == slice) {
            first.remove().into_iter().try_for_each(|sealed| take(sealed, states))?;
        }
        Ok(())
    }

    fn seal_late(
        &mut self,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        while let Some(first) = self.late.first_entry().filter(|first| first.key().0 <= closing.window) {
            first.remove().into_iter().try_for_each(|sealed| take(sealed, states))?;
        }
        Ok(())
    }
}
