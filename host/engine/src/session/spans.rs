//! What FOLD keeps of the events of a group in one slice beside their accumulator: when they were.
//!
//! A chain may have to be cut within a slice, at a time that is known only when all that is before it has come. Where such a cut is
//! possible the events of each *moment* have an accumulator of their own as well, of which both sides of the cut can be made. It is
//! possible unless the slice ends no later than the earliest cut: `max_length` behind the earliest event with which a chain that reaches
//! the slice could have begun. So there are hardly any moments unless partitions are further apart than `max_length`.

use std::collections::BTreeMap;

use super::super::{dense::Dense, slot::SlotAllocator};

/// When the events of an accumulator were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// The times of the events of all accumulators in FOLD.
#[derive(Debug)]
pub(super) struct Spans {
    /// By slot.
    spans: Dense<Span>,
    /// By slot: the accumulators of its moments, where there are any.
    moments: BTreeMap<u32, BTreeMap<i64, u32>>,
}

/// Of a slot without events.
const NOTHING: Span = Span { first: i64::MAX, last: i64::MIN };

impl Spans {
    /// Of no slots.
    pub(super) fn new() -> Self {
        Self { spans: Dense::new(NOTHING), moments: BTreeMap::new() }
    }

    /// Whether a slot has no event yet.
    pub(super) fn is_new(&self, slot: u32) -> bool {
        self.spans.get(slot) == NOTHING
    }

    /// The times of a slot.
    pub(super) fn get(&self, slot: u32) -> Span {
        self.spans.get(slot)
    }

    /// A slot has an event more.
    pub(super) fn add(&mut self, slot: u32, time: i64) {
        let span = self.spans.at(slot);
        *span = Span { first: span.first.min(time), last: span.last.max(time) };
    }

    /// A slot has these.
    pub(super) fn set(&mut self, slot: u32, span: Span) {
        *self.spans.at(slot) = span;
    }

    /// The moments of a slot are kept from now on.
    pub(super) fn track(&mut self, slot: u32) {
        self.moments.entry(slot).or_default();
    }

    /// The accumulator of a moment, if those of the slot are kept.
    pub(super) fn moment(&mut self, slot: u32, time: i64, slots: &mut SlotAllocator) -> Option<u32> {
        let moments = self.moments.get_mut(&slot)?;
        Some(*moments.entry(time).or_insert_with(|| slots.take()))
    }

    /// Puts the accumulator of a moment back, if those of the slot are kept; whether they are.
    pub(super) fn put_moment(&mut self, slot: u32, time: i64, moment: u32) -> bool {
        let moments = self.moments.get_mut(&slot);
        moments.map(|moments| moments.insert(time, moment)).is_some()
    }

    /// The moments of a slot, if they are kept.
    pub(super) fn moments(&self, slot: u32) -> Option<&BTreeMap<i64, u32>> {
        self.moments.get(&slot)
    }

    /// Whether any moments are kept.
    pub(super) fn has_moments(&self) -> bool {
        !self.moments.is_empty()
    }

    /// The moments of a slot are not kept any more: gives their accumulators.
    pub(super) fn forget_moments(&mut self, slot: u32) -> Option<BTreeMap<i64, u32>> {
        self.moments.remove(&slot)
    }

    /// A slot was given away: gives its times and its moments.
    pub(super) fn remove(&mut self, slot: u32) -> (Span, Option<BTreeMap<i64, u32>>) {
        (std::mem::replace(self.spans.at(slot), NOTHING), self.moments.remove(&slot))
    }
}
