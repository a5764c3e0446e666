//! A revision: the closed windows that are given out again at one revision point, each as it was and as it is now.
//!
//! Their slices are merged again, of the groups alone for which rows came late since the revision point before, and in the order in which
//! CLOSE merges them. So what did not change has the bits that it had.

use std::collections::BTreeSet;

use super::{
    Fault,
    answer::{self, Closed, GroupRows, Revised},
    close::Close,
    fold::Fold,
    group::Group,
    key,
    lateness::{Lateness, RevisionPoint},
    slice::{SliceNumber, Slicing, WindowNumber},
    stack::TwoStacks,
    states::{AggregateClass, Pairs, States},
};

/// The windows that are revised at one point.
#[derive(Debug)]
pub(super) struct Revision {
    /// When it is.
    pub(super) at: i64,
    forced: bool,
    /// The next window, and the last.
    window: WindowNumber,
    last: WindowNumber,
    /// The groups that are revised in some of the windows, by key.
    groups: Vec<RevisedGroup>,
    stack: TwoStacks,
    /// The next slice that is not in the stack.
    next_slice: SliceNumber,
    /// The groups of `window` that are still to be given out; none = it is not gathered.
    waiting: Option<Vec<Group>>,
    /// How many runs were given out.
    pub(super) runs: u32,
}

/// A group with its late rows.
#[derive(Debug)]
struct RevisedGroup {
    key: Vec<u8>,
    /// Ascending by slice and window.
    late: Vec<LatePiece>,
}

/// A late accumulator: those of all partitions, merged.
#[derive(Clone, Copy, Debug)]
struct LatePiece {
    slice: SliceNumber,
    /// The first window that was open for it.
    window: WindowNumber,
    slot: u32,
}

/// Which of the late rows of a group count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Before,
    Now,
}

impl Revision {
    /// What is revised at a point, if something is.
    pub(super) fn begin(
        close: &Close,
        fold: &Fold,
        lateness: &Lateness,
        point: RevisionPoint,
        states: &mut States<'_>,
    ) -> Result<Option<Self>, Fault> {
        let slicing = &close.slicing;
        let (first, last) = lateness.revised_at(point);
        let mut range: Option<(WindowNumber, WindowNumber)> = None;
        let mut keys: BTreeSet<&[u8]> = BTreeSet::new();
        for late in fold.late_upto(point.window.before(), point) {
            let covered = (
                slicing.first_window(late.slice).max(first).max(close.first_window),
                slicing.last_window(late.slice).min(last),
            );
            if covered.0 <= covered.1 {
                keys.insert(late.key);
                let (from, to) = range.unwrap_or(covered);
                range = Some((from.min(covered.0), to.max(covered.1)));
            }
        }
        let Some((window, last)) = range else { return Ok(None) };
        let groups = keys.into_iter().map(|key| RevisedGroup { key: key.to_vec(), late: Vec::new() });
        let at = lateness.at(point);
        let mut revision = Self {
            at,
            forced: close.source.is_ahead_of_a_partition(at),
            window,
            last,
            groups: groups.collect(),
            stack: TwoStacks::new(),
            next_slice: slicing.first_slice(window),
            waiting: None,
            runs: 0,
        };
        revision.take_late(fold, slicing, point, states)?;
        Ok(Some(revision))
    }

    /// Copies what came late for the groups and windows.
    fn take_late(
        &mut self,
        fold: &Fold,
        slicing: &Slicing,
        point: RevisionPoint,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let slices = slicing.first_slice(self.window)..slicing.end_slice(self.last);
        // What came in time for some window of the first slice came late at least for the first one.
        let first = slicing.first_window(slices.start);
        let mut pairs = Pairs::default();
        for late in fold.late_upto(first, point) {
            if !slices.contains(&late.slice) {
                continue;
            }
            let index = self.groups.binary_search_by(|group| group.key.as_slice().cmp(late.key));
            let Some(group) = index.ok().and_then(|index| self.groups.get_mut(index)) else { continue };
            let place = (late.slice, late.point.window);
            let found = group.late.binary_search_by_key(&place, |piece| (piece.slice, piece.window));
            let slot = match found.map(|index| group.late.get(index)) {
                Ok(Some(piece)) => piece.slot,
                Ok(None) => unreachable!("found above"),
                Err(index) => {
                    let slot = states.slots.take();
                    group.late.insert(index, LatePiece { slice: place.0, window: place.1, slot });
                    slot
                }
            };
            pairs.push(slot, late.slot);
        }
        states.merge(AggregateClass::All, &pairs)
    }

    /// The next groups of the next window; none = all were given out.
    pub(super) fn next(
        &mut self,
        close: &Close,
        fold: &Fold,
        point: RevisionPoint,
        states: &mut States<'_>,
    ) -> Result<Option<Closed>, Fault> {
        let slicing = &close.slicing;
        let waiting = loop {
            if let Some(waiting) = self.waiting.take().filter(|waiting| !waiting.is_empty()) {
                break waiting;
            }
            let Some(groups) = self.next_window(slicing, point) else {
                self.release(states)?;
                return Ok(None);
            };
            self.gather(slicing, fold, states)?;
            self.waiting = Some(groups);
        };
        let len = answer::run_len(waiting.iter().map(|&group| self.of(group).key.as_slice()));
        let (now, rest) = waiting.split_at(len.min(waiting.len()));
        let window = self.window;
        let (revised, rows) = self.rows(now, slicing, point, close, states)?;
        let is_last = rest.is_empty();
        if is_last {
            self.window = window.next();
        }
        self.waiting = (!is_last).then(|| rest.to_vec());
        self.runs += 1;
        Ok(Some(Closed {
            window_start: slicing.start(window),
            window_end: slicing.end(window),
            decided_at: self.at,
            run: self.runs - 1,
            is_last,
            completes_end: false,
            forced: self.forced,
            rows,
            revised: Some(Box::new(revised)),
        }))
    }

    fn of(&self, group: Group) -> &RevisedGroup {
        match self.groups.get(group.0 as usize) {
            Some(found) => found,
            None => unreachable!("group {} is revised", group.0),
        }
    }

    /// The groups that are revised in the next window where there are some; none = there is no such window.
    fn next_window(&mut self, slicing: &Slicing, point: RevisionPoint) -> Option<Vec<Group>> {
        while self.window <= self.last {
            let slices = slicing.first_slice(self.window)..slicing.end_slice(self.window);
            let is_new = |piece: &LatePiece| piece.window == point.window && slices.contains(&piece.slice);
            let groups = (0..).map(Group).zip(&self.groups);
            let groups: Vec<Group> =
                groups.filter(|(_, group)| group.late.iter().any(is_new)).map(|(group, _)| group).collect();
            if !groups.is_empty() {
                return Some(groups);
            }
            self.window = self.window.next();
        }
        None
    }

    /// Merges the slices of the next window, as CLOSE does.
    fn gather(&mut self, slicing: &Slicing, fold: &Fold, states: &mut States<'_>) -> Result<(), Fault> {
        let first = slicing.first_slice(self.window);
        let (boundary, end) = (slicing.next_block(first), slicing.end_slice(self.window));
        let (slots, _) = self.stack.leave(first);
        states.release(&slots)?;
        self.next_slice = self.next_slice.max(first);
        let is_new_block = boundary > self.stack.boundary();
        if slicing.cumulates() {
            if is_new_block {
                self.stack.flip(boundary, states)?;
            }
            while self.take_slice(end, slicing, fold, states)?.is_some() {}
        } else {
            if is_new_block {
                while self.take_slice(boundary, slicing, fold, states)?.is_some() {}
                self.stack.flip(boundary, states)?;
            }
            while let Some(slice) = self.take_slice(end, slicing, fold, states)? {
                self.stack.extend_back(slice, states)?;
            }
        }
        Ok(())
    }

    /// Copies the next slice before `end` of the groups, from all partitions that have it; gives it where one of the groups is in it.
    fn take_slice(
        &mut self,
        end: SliceNumber,
        slicing: &Slicing,
        fold: &Fold,
        states: &mut States<'_>,
    ) -> Result<Option<SliceNumber>, Fault> {
        while let Some(slice) = fold.first_slice_from(self.next_slice).filter(|&slice| slice < end) {
            self.next_slice = slice.plus(1);
            let place = slicing.period(slice);
            let mut pairs = Pairs::default();
            for (group, found) in (0..).map(Group).zip(&self.groups) {
                let mut into = None;
                for slot in fold.slots_in(slice, &found.key) {
                    let into = *into.get_or_insert_with(|| {
                        let copy = states.slots.take();
                        let there = self.stack.push(place, group, copy);
                        if there.is_some() {
                            states.slots.give_back(copy);
                        }
                        there.unwrap_or(copy)
                    });
                    pairs.push(into, slot);
                }
            }
            let is_empty = pairs.sources().is_empty();
            states.merge(AggregateClass::All, &pairs)?;
            if !is_empty {
                return Ok(Some(slice));
            }
        }
        Ok(None)
    }

    /// What groups of the window have come to before and now.
    fn rows(
        &self,
        groups: &[Group],
        slicing: &Slicing,
        point: RevisionPoint,
        close: &Close,
        states: &mut States<'_>,
    ) -> Result<(Revised, GroupRows), Fault> {
        let slices = slicing.first_slice(self.window)..slicing.end_slice(self.window);
        let late = |group: Group, which: Which| {
            let pieces = self.of(group).late.iter().filter(|piece| slices.contains(&piece.slice));
            pieces.filter(move |piece| which == Which::Now || piece.window < point.window)
        };
        let numbers = groups.iter().map(|&group| {
            let windows: BTreeSet<WindowNumber> = late(group, Which::Now)
                .map(|piece| piece.window)
                .filter(|&window| window > self.window)
                .collect();
            windows.len() as u64
        });
        let numbers = numbers.collect();
        let mut places = Vec::new();
        for (place, &group) in (0..).zip(groups) {
            if self.stack.has(group) || late(group, Which::Before).next().is_some() {
                places.push(place);
            }
        }
        let before: Vec<Group> =
            places.iter().filter_map(|&place| groups.get(place as usize).copied()).collect();
        let slots = |which| move |group| late(group, which).map(|piece| piece.slot).collect::<Vec<_>>();
        let before = self.merged(&before, slots(Which::Before), close, states)?;
        let now = self.merged(groups, slots(Which::Now), close, states)?;
        Ok((Revised { before, places, numbers }, now))
    }

    /// The keys and values of groups with late accumulators.
    fn merged(
        &self,
        groups: &[Group],
        late: impl Fn(Group) -> Vec<u32>,
        close: &Close,
        states: &mut States<'_>,
    ) -> Result<GroupRows, Fault> {
        let results: Vec<u32> = groups.iter().map(|_| states.slots.take()).collect();
        for class in [AggregateClass::Bounded, AggregateClass::Growing] {
            if !states.any(class) {
                continue;
            }
            let mut pairs = Pairs::default();
            for (&group, &into) in groups.iter().zip(&results) {
                let pieces = self.stack.pieces(group);
                match class {
                    AggregateClass::Growing => {
                        self.stack.slices(&pieces).for_each(|(_, slot)| pairs.push(into, slot));
                    }
                    _ => {
                        let front = pieces.front.map(|(_, slot)| slot);
                        front.into_iter().chain(pieces.back).for_each(|slot| pairs.push(into, slot));
                    }
                }
                late(group).into_iter().for_each(|slot| pairs.push(into, slot));
            }
            states.merge(class, &pairs)?;
        }
        let (aggregates, failed) = answer::evaluate(states, |_| results.as_slice())?;
        states.release(&results)?;
        let mut keys = key::columns(close.key_types.iter().copied());
        groups.iter().for_each(|&group| key::decode(&self.of(group).key, &mut keys));
        Ok(GroupRows::new(keys, aggregates, failed, groups.len()))
    }

    /// Gives all slots back.
    fn release(&mut self, states: &mut States<'_>) -> Result<(), Fault> {
        let (mut slots, _) = self.stack.leave(SliceNumber::MAX);
        slots.extend(self.groups.drain(..).flat_map(|group| group.late).map(|piece| piece.slot));
        states.release(&slots)
    }
}
