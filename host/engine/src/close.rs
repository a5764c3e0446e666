//! Step 5: which window closes next, and what it is made of.
//!
//! When the source's watermark has reached a window's end, none of its slices changes any more, in any partition. They
//! come here, partitions ascending within a slice, and stay as long as an open window needs them.

use std::collections::BTreeMap;

use super::{
    Fault,
    fold::Partition,
    group::Groups,
    segment::{Changes, SegmentId, SegmentKind},
    slice::Slicing,
    snapshot,
    stack::TwoStacks,
    states::{AggregateClass, Pairs, States},
    watermark::NEVER,
};

/// The sealed part of a query's state.
#[derive(Debug)]
pub(super) struct Close {
    /// Windows that end at or before it are closed.
    pub(super) closed: i64,
    pub(super) groups: Groups,
    /// The groups by key, as far as `ordered`; then new ones.
    pub(super) order: Vec<u32>,
    ordered: usize,
    pub(super) stack: TwoStacks,
    /// By group: ascending by slice and window.
    pub(super) late: BTreeMap<u32, Vec<LatePiece>>,
}

/// A late accumulator of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LatePiece {
    slice: i64,
    /// The first window that takes it.
    window: i64,
    pub(super) slot: u32,
}

impl Close {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            closed: NEVER,
            groups: Groups::default(),
            order: Vec::new(),
            ordered: 0,
            stack: TwoStacks::new(),
            late: BTreeMap::new(),
        }
    }

    /// The first window from `from` on that is not closed and has a row, as far as rows have come.
    pub(super) fn next_window<'a>(
        &self,
        partitions: impl Iterator<Item = &'a Partition>,
        slicing: &Slicing,
        from: i64,
    ) -> Option<i64> {
        let from = from.max(slicing.last_ended(self.closed).saturating_add(1));
        if !self.stack.is_empty() || !self.late.is_empty() {
            return Some(from);
        }
        let firsts = partitions.flat_map(|partition| {
            let window = partition.first_slice().map(|slice| slicing.first_window(slice));
            window.into_iter().chain(partition.first_late_window())
        });
        firsts.min().map(|first| first.max(from))
    }

    /// Gathers what a window is made of; the windows before it are closed.
    pub(super) fn gather(
        &mut self,
        window: i64,
        partitions: &mut BTreeMap<u32, Partition>,
        slicing: &Slicing,
        states: &mut States<'_>,
        changes: Option<&mut Changes>,
    ) -> Result<(), Fault> {
        let stays = slicing.first_slice(window + 1);
        let mut sealing = Sealing { changes, stays };
        let first = slicing.first_slice(window);
        let (boundary, end) = (slicing.next_block(first), first + slicing.per_window());
        self.leave(first, states)?;
        if boundary > self.stack.boundary() {
            while self.seal_slice(boundary, partitions, states, &mut sealing)?.is_some() {}
            self.stack.flip(boundary, states)?;
        }
        while let Some(slice) = self.seal_slice(end, partitions, states, &mut sealing)? {
            self.stack.extend_back(slice, states)?;
        }
        self.seal_late(window, partitions, states, &mut sealing)?;
        let Self { groups, order, ordered, .. } = self;
        if *ordered < order.len() {
            order.sort_by(|&left, &right| groups.key(left).cmp(groups.key(right)));
            *ordered = order.len();
        }
        Ok(())
    }

    /// Takes over the first slice before `end` from all partitions that have it.
    fn seal_slice(
        &mut self,
        end: i64,
        partitions: &mut BTreeMap<u32, Partition>,
        states: &mut States<'_>,
        sealing: &mut Sealing<'_>,
    ) -> Result<Option<i64>, Fault> {
        let first = partitions.values().filter_map(Partition::first_slice).min();
        let Some(number) = first.filter(|&first| first < end) else { return Ok(None) };
        for (&number_of, partition) in partitions.iter_mut() {
            let Some(slice) = partition.seal(number) else { continue };
            let id = SegmentId { partition: number_of, place: SegmentKind::Slice(number) };
            let groups = slice.groups.iter().map(|&group| (group, slice.slot(group)));
            sealing.note(id, partition, groups, states)?;
            let mut pairs = Pairs::default();
            for &theirs in &slice.groups {
                let group = self.group(partition, theirs);
                if let Some(into) = self.stack.push(number, group, slice.slot(theirs)) {
                    pairs.push(into, slice.slot(theirs));
                }
                partition.let_go(theirs);
            }
            states.merge(AggregateClass::All, &pairs)?;
            states.release(pairs.sources())?;
        }
        Ok(Some(number))
    }

    /// Takes over the late accumulators that a window up to `window` takes, from all partitions.
    fn seal_late(
        &mut self,
        window: i64,
        partitions: &mut BTreeMap<u32, Partition>,
        states: &mut States<'_>,
        sealing: &mut Sealing<'_>,
    ) -> Result<(), Fault> {
        for (&number, partition) in partitions.iter_mut() {
            sealing.note_late(number, partition, window, states)?;
            let mut pairs = Pairs::default();
            while let Some((late, slot)) = partition.seal_late(window) {
                let group = self.group(partition, late.group);
                let pieces = self.late.entry(group).or_default();
                let place = pieces
                    .binary_search_by_key(&(late.slice, late.window), |piece| (piece.slice, piece.window));
                match place.map(|index| pieces.get(index)) {
                    Ok(Some(piece)) => pairs.push(piece.slot, slot),
                    Ok(None) => unreachable!("found above"),
                    Err(index) => {
                        pieces.insert(index, LatePiece { slice: late.slice, window: late.window, slot })
                    }
                }
                partition.let_go(late.group);
            }
            states.merge(AggregateClass::All, &pairs)?;
            states.release(pairs.sources())?;
        }
        Ok(())
    }

    /// The group here of a partition's group.
    fn group(&mut self, partition: &Partition, theirs: u32) -> u32 {
        let before = self.groups.len();
        let group = self.groups.find_or_add(partition.key(theirs));
        if self.groups.len() > before {
            self.order.push(group);
        }
        group
    }

    /// Releases everything that is only in slices before one.
    pub(super) fn leave(&mut self, before: i64, states: &mut States<'_>) -> Result<(), Fault> {
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

/// Takes down what is sealed, where somebody wants to know.
struct Sealing<'a> {
    changes: Option<&'a mut Changes>,
    /// Slices before it are needed by no window behind the one that closes.
    stays: i64,
}

impl Sealing<'_> {
    /// A part is sealed, with these groups and slots; none of them was merged yet.
    fn note(
        &mut self,
        id: SegmentId,
        partition: &Partition,
        groups: impl Iterator<Item = (u32, u32)>,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let Some(changes) = self.changes.as_deref_mut() else { return Ok(()) };
        if id.place.slice() < self.stays {
            return Ok(());
        }
        let whole = changes.is_outdated(&id);
        let changed: Vec<(u32, u32)> =
            groups.filter(|&(_, slot)| whole || changes.is_touched(slot)).collect();
        let parts = snapshot::parts(id, whole, partition, &changed, states)?;
        changes.seal(id, parts);
        Ok(())
    }

    /// The late accumulators that windows up to `window` take are about to be sealed.
    fn note_late(
        &mut self,
        number: u32,
        partition: &Partition,
        window: i64,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        if self.changes.is_none() {
            return Ok(());
        }
        for (id, groups) in snapshot::late(number, partition, |late| late.window <= window) {
            self.note(id, partition, groups.into_iter(), states)?;
        }
        Ok(())
    }
}
