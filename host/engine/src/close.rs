//! CLOSE: which window closes next, and what it is made of.
//!
//! When the source's watermark has reached a window's end, none of its slices changes any more, in any partition. They
//! come here, partitions ascending within a slice, and stay as long as an open window needs them. Nothing here is captured: it is
//! made again from the sealed slices, by the same merges in the same order.

use std::collections::BTreeMap;

use streamgauge_common::column::{DataType, Texts};

use super::{
    Fault, Settings,
    answer::{self, Closed, EmitCursor},
    group::{Group, Groups, Key},
    sealed::{Closing, SealedSlice, SealedSlices, SealedStates},
    segment::SegmentKind,
    slice::{SliceNumber, Slicing, WindowNumber},
    stack::TwoStacks,
    states::{AggregateClass, Pairs, States},
    watermark::{NEVER, SourceWatermark},
};

/// The half of a windowed query that closes windows.
#[derive(Debug)]
pub(super) struct Close {
    pub(super) slicing: Slicing,
    pub(super) key_types: Vec<DataType>,
    /// The first window that is emitted.
    pub(super) first_window: WindowNumber,
    /// How far the source has come.
    pub(super) source: SourceWatermark,
    /// Windows that end at or before it are closed.
    closed: i64,
    pub(super) groups: Groups,
    /// The groups by key, as far as `ordered`; then new ones.
    pub(super) order: Vec<Group>,
    ordered: usize,
    pub(super) stack: TwoStacks,
    /// By group: ascending by slice and window.
    pub(super) late: BTreeMap<Group, Vec<LatePiece>>,
    /// The window whose rows are being given out.
    emitting: Option<EmitCursor>,
    /// How many runs were decided at a time before the window that ends then: those of revisions.
    pub(super) runs_before: (i64, u32),
}

/// A late accumulator of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LatePiece {
    slice: SliceNumber,
    /// The first window that takes it.
    window: WindowNumber,
    pub(super) slot: u32,
}

impl Close {
    /// Nothing yet.
    pub(super) fn new(slicing: Slicing, settings: &Settings, key_types: Vec<DataType>) -> Self {
        Self {
            first_window: settings.first_window(&slicing),
            slicing,
            key_types,
            source: SourceWatermark::new(),
            closed: NEVER,
            groups: Groups::default(),
            order: Vec::new(),
            ordered: 0,
            stack: TwoStacks::new(),
            late: BTreeMap::new(),
            emitting: None,
            runs_before: (NEVER, 0),
        }
    }

    /// Goes on behind the windows that end at or before `closed`.
    pub(super) fn restore(&mut self, closed: i64, source: SourceWatermark) {
        self.closed = closed;
        self.source = source;
    }

    /// Windows that end at or before it are closed.
    pub(super) fn closed(&self) -> i64 {
        self.closed
    }

    /// Whether a window is being given out.
    pub(super) fn is_mid_window(&self) -> bool {
        self.emitting.is_some()
    }

    /// The first slice that a window which is not closed needs.
    pub(super) fn first_needed(&self) -> SliceNumber {
        let next = self.slicing.last_ended(self.closed).next();
        self.slicing.first_slice(self.first_window.max(next))
    }

    /// See `WindowQuery::forces`.
    pub(super) fn forces(&self) -> Option<i64> {
        let window = self.slicing.last_ended(self.source.at());
        let end = self.slicing.end(window);
        let is_new = window > self.slicing.last_ended(self.closed);
        (is_new && self.source.is_ahead_of_a_partition(end)).then_some(end)
    }

    /// See `WindowQuery::next_closed`.
    pub(super) fn next_closed(
        &mut self,
        sealed: &mut dyn SealedSlices,
        states: &mut States<'_>,
    ) -> Result<Option<Closed>, Fault> {
        let cursor = match self.emitting.take() {
            Some(cursor) => cursor,
            None => {
                let next = self.next_window(sealed);
                let Some(window) = next.filter(|&window| self.slicing.end(window) <= self.source.at()) else {
                    self.closed = self.closed.max(self.source.at());
                    return Ok(None);
                };
                let end = self.slicing.end(window);
                debug_assert!(end > self.closed, "a window is decided once");
                let forced = self.source.is_ahead_of_a_partition(end);
                self.closed = end;
                self.gather(window, sealed, states)?;
                let runs = if self.runs_before.0 == end { self.runs_before.1 } else { 0 };
                EmitCursor { window, forced, done: 0, runs }
            }
        };
        let EmitCursor { window, forced, done, runs } = cursor;
        let stays = self.slicing.first_slice(window.next());
        let rows = answer::rows(self, cursor, stays, self.key_types.iter().copied(), states)?;
        let done = done + rows.len();
        let is_last = done == self.order.len();
        if is_last {
            self.leave(stays, states)?;
        } else {
            self.emitting = Some(EmitCursor { done, runs: runs + 1, ..cursor });
        }
        let (window_start, window_end) = (self.slicing.start(window), self.slicing.end(window));
        Ok(Some(Closed {
            window_start,
            window_end,
            decided_at: window_end,
            run: runs,
            is_last,
            completes_end: is_last,
            forced,
            rows,
            revised: None,
        }))
    }

    /// All that is decided at or before a time has been.
    pub(super) fn pass(&mut self, time: i64) {
        self.closed = self.closed.max(time);
    }

    /// Whether a window is complete and not given out, or only in part.
    pub(super) fn has_complete_window(&self, sealed: &dyn SealedSlices) -> bool {
        let is_complete = |window| self.slicing.end(window) <= self.source.at();
        self.emitting.is_some() || self.next_window(sealed).is_some_and(is_complete)
    }

    /// See `WindowQuery::next_window_end`.
    pub(super) fn next_window_end(&self, sealed: &dyn SealedSlices) -> Option<i64> {
        self.next_window(sealed).map(|window| self.slicing.end(window))
    }

    /// The first window that is not closed and has a row, as far as rows have come.
    fn next_window(&self, sealed: &dyn SealedSlices) -> Option<WindowNumber> {
        let next = self.slicing.last_ended(self.closed).next().max(self.first_window);
        if !self.stack.is_empty() || !self.late.is_empty() {
            return Some(next);
        }
        sealed.first_window(&self.slicing).map(|first| first.max(next))
    }

    /// Gathers what a window is made of; the windows before it are closed.
    fn gather(
        &mut self,
        window: WindowNumber,
        sealed: &mut dyn SealedSlices,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let closing = Closing { window, first_needed: self.slicing.first_slice(window.next()) };
        let first = self.slicing.first_slice(window);
        let (boundary, end) = (self.slicing.next_block(first), self.slicing.end_slice(window));
        self.leave(first, states)?;
        let is_new_block = boundary > self.stack.boundary();
        if self.slicing.cumulates() {
            // All slices of the period are one here, so there is nothing behind the front.
            if is_new_block {
                self.stack.flip(boundary, states)?;
            }
            while self.take_slice(end, &closing, sealed, states)?.is_some() {}
        } else {
            if is_new_block {
                while self.take_slice(boundary, &closing, sealed, states)?.is_some() {}
                self.stack.flip(boundary, states)?;
            }
            while let Some(slice) = self.take_slice(end, &closing, sealed, states)? {
                self.stack.extend_back(slice, states)?;
            }
        }
        sealed.seal_late(&closing, states, &mut |late, states| self.take_late(late, states))?;
        let Self { groups, order, ordered, .. } = self;
        if *ordered < order.len() {
            order.sort_by(|&left, &right| groups.key(left).cmp(groups.key(right)));
            *ordered = order.len();
        }
        Ok(())
    }

    /// Takes the first slice before `end` over, from all partitions that have it.
    fn take_slice(
        &mut self,
        end: SliceNumber,
        closing: &Closing,
        sealed: &mut dyn SealedSlices,
        states: &mut States<'_>,
    ) -> Result<Option<SliceNumber>, Fault> {
        let Some(slice) = sealed.first_slice().filter(|&first| first < end) else { return Ok(None) };
        let place = self.slicing.period(slice);
        sealed.seal_slice(slice, closing, states, &mut |part, states| {
            debug_assert_eq!(part.kind, SegmentKind::Slice(slice), "the slice that was asked for");
            let SealedSlice { keys, states: sealed, .. } = part;
            let slots = own_slots(sealed, states)?;
            let mut pairs = Pairs::default();
            for (index, &slot) in slots.iter().enumerate() {
                let group = self.group(keys.get(index));
                if let Some(into) = self.stack.push(place, group, slot) {
                    pairs.push(into, slot);
                }
            }
            states.merge(AggregateClass::All, &pairs)?;
            states.release(pairs.sources())
        })?;
        Ok(Some(slice))
    }

    /// Takes late accumulators over.
    fn take_late(&mut self, part: SealedSlice, states: &mut States<'_>) -> Result<(), Fault> {
        let SealedSlice { kind, keys, states: sealed, .. } = part;
        let (SegmentKind::Late { window, slice } | SegmentKind::LateForLast { window, slice }) = kind else {
            unreachable!("late accumulators")
        };
        let slots = own_slots(sealed, states)?;
        let mut pairs = Pairs::default();
        for (index, &slot) in slots.iter().enumerate() {
            let group = self.group(keys.get(index));
            let pieces = self.late.entry(group).or_default();
            let place = pieces.binary_search_by_key(&(slice, window), |piece| (piece.slice, piece.window));
            match place.map(|index| pieces.get(index)) {
                Ok(Some(piece)) => pairs.push(piece.slot, slot),
                Ok(None) => unreachable!("found above"),
                Err(index) => pieces.insert(index, LatePiece { slice, window, slot }),
            }
        }
        states.merge(AggregateClass::All, &pairs)?;
        states.release(pairs.sources())
    }

    /// The group of an encoded key.
    fn group(&mut self, key: &[u8]) -> Group {
        let before = self.groups.len();
        let group = self.groups.find_or_add(Key::of(key));
        if self.groups.len() > before {
            self.order.push(group);
        }
        group
    }

    /// Releases everything that is only in slices before one.
    fn leave(&mut self, before: SliceNumber, states: &mut States<'_>) -> Result<(), Fault> {
        let (mut slots, mut gone) = self.stack.leave(before);
        self.late.retain(|&group, pieces| {
            let left = pieces.partition_point(|piece| piece.slice < before);
            slots.extend(pieces.drain(..left).map(|piece| piece.slot));
            if pieces.is_empty() {
                gone.push(group);
            }
            !pieces.is_empty()
        });
        gone.sort_unstable();
        gone.dedup();
        gone.retain(|group| !self.stack.has(*group) && !self.late.contains_key(group));
        if !gone.is_empty() {
            debug_assert_eq!(self.ordered, self.order.len(), "groups leave before others come");
            self.order.retain(|group| gone.binary_search(group).is_err());
            self.ordered = self.order.len();
            gone.iter().for_each(|&group| self.groups.remove(group));
        }
        states.release(&slots)
    }
}

/// The slots of a sealed slice's states, in the reducers that are used here.
fn own_slots(sealed: SealedStates, states: &mut States<'_>) -> Result<Vec<u32>, Fault> {
    match sealed {
        SealedStates::Slots(slots) => Ok(slots),
        SealedStates::Bytes { versions, states: bytes } => {
            let groups = bytes.first().map_or(0, Texts::len);
            let slots: Vec<u32> = (0..groups).map(|_| states.slots.take()).collect();
            states.restore(&versions, &slots, &bytes)?;
            Ok(slots)
        }
    }
}
