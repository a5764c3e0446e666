//! Sealed slices, kept merged so that overlapping windows share the work.
//!
//! Slices lie in *blocks* as long as a window, so a window is the end of one block, its *front*, and the beginning of the
//! next, its *back*. When a front begins, its slices are merged from right to left, each into the one before it: then
//! each slice holds everything from itself to the end of its block. The back is one running merge. So a slice is merged
//! at most twice, whatever the number of windows that cover it, and the order of merges follows from slice numbers alone.
//!
//! Growing states are not kept merged: their slots hold one slice each.

use std::collections::VecDeque;

use super::{
    Fault,
    dense::{Dense, NONE},
    group::Group,
    slice::SliceNumber,
    states::{AggregateClass, Pairs, States},
};

/// The sealed slices that open windows need.
#[derive(Debug)]
pub(super) struct TwoStacks {
    /// By group.
    chains: Dense<Chain>,
    entries: Dense<Entry>,
    free_entries: Vec<u32>,
    entries_end: u32,
    /// Ascending, each with its entries.
    slices: VecDeque<(SliceNumber, Vec<u32>)>,
    /// Where the front ends and the back begins.
    boundary: SliceNumber,
    /// Groups that have, or had, a slot for the back.
    backs: Vec<Group>,
}

/// The slices of a group, ascending.
#[derive(Clone, Copy, Debug)]
struct Chain {
    first: u32,
    last: u32,
    /// The slot with the merged slices of the back.
    back: u32,
}

/// One group in one slice.
#[derive(Clone, Copy, Debug)]
struct Entry {
    slice: SliceNumber,
    group: Group,
    slot: u32,
    next: u32,
}

/// What a group has in the window that closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces {
    /// The first slice and its slot, if the front has one: all of the front.
    pub(super) front: Option<(SliceNumber, u32)>,
    /// All of the back.
    pub(super) back: Option<u32>,
    first: u32,
}

impl TwoStacks {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            chains: Dense::new(Chain { first: NONE, last: NONE, back: NONE }),
            entries: Dense::new(Entry {
                slice: SliceNumber::MIN,
                group: Group::NONE,
                slot: NONE,
                next: NONE,
            }),
            free_entries: Vec::new(),
            entries_end: 0,
            slices: VecDeque::new(),
            boundary: SliceNumber::MIN,
            backs: Vec::new(),
        }
    }

    /// Whether nothing is here.
    pub(super) fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// Whether a group has a slice here.
    pub(super) fn has(&self, group: Group) -> bool {
        self.chains.get(group.0).first != NONE
    }

    /// Where the back begins.
    pub(super) fn boundary(&self) -> SliceNumber {
        self.boundary
    }

    /// Adds a group's slot in a slice, which is the last or behind it; gives the slot that is there already, if one is.
    pub(super) fn push(&mut self, slice: SliceNumber, group: Group, slot: u32) -> Option<u32> {
        let chain = self.chains.get(group.0);
        let last = self.entries.get(chain.last);
        if chain.last != NONE && last.slice == slice {
            return Some(last.slot);
        }
        let entry = self.free_entries.pop().unwrap_or_else(|| {
            self.entries_end += 1;
            self.entries_end - 1
        });
        *self.entries.at(entry) = Entry { slice, group, slot, next: NONE };
        if chain.last == NONE {
            self.chains.at(group.0).first = entry;
        } else {
            self.entries.at(chain.last).next = entry;
        }
        self.chains.at(group.0).last = entry;
        match self.slices.back_mut() {
            Some((last, entries)) if *last == slice => entries.push(entry),
            last => {
                debug_assert!(last.is_none_or(|(last, _)| *last < slice), "slices come in order");
                self.slices.push_back((slice, vec![entry]));
            }
        }
        None
    }

    /// Lets the front end at `boundary`; all slices here are before it.
    pub(super) fn flip(&mut self, boundary: SliceNumber, states: &mut States<'_>) -> Result<(), Fault> {
        debug_assert!(
            self.slices.back().is_none_or(|(last, _)| *last < boundary),
            "the back is not there yet"
        );
        self.boundary = boundary;
        if !states.any(AggregateClass::Bounded) {
            return Ok(());
        }
        let mut released = Vec::new();
        for group in self.backs.drain(..) {
            let back = std::mem::replace(&mut self.chains.at(group.0).back, NONE);
            released.extend((back != NONE).then_some(back));
        }
        states.release(&released)?;
        for (_, entries) in self.slices.iter().rev() {
            let mut pairs = Pairs::default();
            for entry in entries.iter().map(|&entry| self.entries.get(entry)) {
                if entry.next != NONE {
                    pairs.push(entry.slot, self.entries.get(entry.next).slot);
                }
            }
            states.merge(AggregateClass::Bounded, &pairs)?;
        }
        Ok(())
    }

    /// Merges a slice, which must be the last, into the back.
    pub(super) fn extend_back(&mut self, slice: SliceNumber, states: &mut States<'_>) -> Result<(), Fault> {
        let Some((last, entries)) = self.slices.back() else { return Ok(()) };
        debug_assert!(slice == *last && self.boundary <= slice, "the last slice, behind the front");
        if !states.any(AggregateClass::Bounded) {
            return Ok(());
        }
        let mut pairs = Pairs::default();
        for entry in entries.iter().map(|&entry| self.entries.get(entry)) {
            let back = &mut self.chains.at(entry.group.0).back;
            if *back == NONE {
                *back = states.slots.take();
                self.backs.push(entry.group);
            }
            pairs.push(*back, entry.slot);
        }
        states.merge(AggregateClass::Bounded, &pairs)
    }

    /// What a group has.
    pub(super) fn pieces(&self, group: Group) -> Pieces {
        let chain = self.chains.get(group.0);
        let first = self.entries.get(chain.first);
        let front = chain.first != NONE && first.slice < self.boundary;
        Pieces {
            front: front.then_some((first.slice, first.slot)),
            back: (chain.back != NONE).then_some(chain.back),
            first: chain.first,
        }
    }

    /// The slices of a group and their slots, ascending.
    pub(super) fn slices(&self, pieces: &Pieces) -> impl Iterator<Item = (SliceNumber, u32)> + '_ {
        let entry = |entry: u32| (entry != NONE).then(|| self.entries.get(entry));
        std::iter::successors(entry(pieces.first), move |before| entry(before.next))
            .map(|entry| (entry.slice, entry.slot))
    }

    /// Forgets slices before one; gives their slots, and the groups that have no slice any more.
    pub(super) fn leave(&mut self, before: SliceNumber) -> (Vec<u32>, Vec<Group>) {
        let (mut slots, mut gone) = (Vec::new(), Vec::new());
        while let Some((_, entries)) = self.slices.pop_front_if(|(slice, _)| *slice < before) {
            for number in entries {
                let entry = self.entries.get(number);
                self.free_entries.push(number);
                slots.push(entry.slot);
                let chain = self.chains.at(entry.group.0);
                debug_assert_eq!(chain.first, number, "the first slice leaves first");
                chain.first = entry.next;
                if chain.first == NONE {
                    chain.last = NONE;
                    let back = std::mem::replace(&mut chain.back, NONE);
                    slots.extend((back != NONE).then_some(back));
                    gone.push(entry.group);
                }
            }
        }
        (slots, gone)
    }
}
