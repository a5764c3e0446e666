//! How many groups a partition has, so that they stay below `max_groups`.
//!
//! A group counts from its first row until the partition's own watermark has reached the end of every window that covers
//! one of its rows. So which rows are refused depends on the partition alone, not on when other partitions let windows
//! close.

use std::collections::BTreeMap;

use super::{
    dense::Dense,
    group::Group,
    slice::{SliceNumber, Slicing},
};

/// The newest slice of a group that does not count.
const GONE: SliceNumber = SliceNumber::MIN;

/// The groups that count.
#[derive(Clone, Debug)]
pub(super) struct GroupLimiter {
    counted: usize,
    /// By group: the newest slice it was seen in.
    newest: Dense<SliceNumber>,
    /// By slice: the groups whose newest it is, or was when they were listed.
    seen: BTreeMap<SliceNumber, Vec<Group>>,
    /// Groups that stopped to count and were not taken; some may count again.
    expired: Vec<Group>,
}

impl GroupLimiter {
    /// Nobody.
    pub(super) fn new() -> Self {
        Self { counted: 0, newest: Dense::new(GONE), seen: BTreeMap::new(), expired: Vec::new() }
    }

    /// How many groups count.
    pub(super) fn counted(&self) -> usize {
        self.counted
    }

    /// Whether a group counts.
    pub(super) fn counts(&self, group: Group) -> bool {
        self.newest.get(group.0) != GONE
    }

    /// A group has a row in a slice.
    pub(super) fn see(&mut self, group: Group, slice: SliceNumber) {
        let newest = self.newest.at(group.0);
        if *newest >= slice {
            return;
        }
        self.counted += usize::from(*newest == GONE);
        *newest = slice;
        self.seen.entry(slice).or_default().push(group);
    }

    /// Stops to count the groups whose windows have all ended once the partition's own watermark is at `watermark`.
    pub(super) fn expire(&mut self, watermark: i64, slicing: &Slicing) {
        while let Some(entry) = self.seen.first_entry() {
            let slice = *entry.key();
            if slicing.end(slicing.last_window(slice)) > watermark {
                break;
            }
            for group in entry.remove() {
                let newest = self.newest.at(group.0);
                if *newest == slice {
                    *newest = GONE;
                    self.counted -= 1;
                    self.expired.push(group);
                }
            }
        }
    }

    /// The groups whose newest slice is before one, slice by slice.
    pub(super) fn before(&self, slice: SliceNumber) -> impl Iterator<Item = (SliceNumber, Vec<Group>)> + '_ {
        self.seen.range(..slice).filter_map(|(&slice, groups)| {
            let mut newest: Vec<Group> =
                groups.iter().copied().filter(|&group| self.newest.get(group.0) == slice).collect();
            newest.sort_unstable();
            newest.dedup();
            (!newest.is_empty()).then_some((slice, newest))
        })
    }

    /// The groups that have stopped to count since the last call, each once.
    pub(super) fn take_expired(&mut self) -> Vec<Group> {
        let mut expired = std::mem::take(&mut self.expired);
        expired.sort_unstable();
        expired.dedup();
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slice::window;

    #[test]
    fn a_group_counts_until_its_last_window_has_ended() {
        let slicing = Slicing::new(&window(10, 30)).unwrap();
        let mut limiter = GroupLimiter::new();
        limiter.see(Group(7), SliceNumber(0));
        limiter.see(Group(8), SliceNumber(0));
        limiter.see(Group(8), SliceNumber(1));
        limiter.see(Group(8), SliceNumber(0));
        assert_eq!((limiter.counted(), limiter.counts(Group(7)), limiter.counts(Group(9))), (2, true, false));
        let expired = |limiter: &mut GroupLimiter, watermark| {
            limiter.expire(watermark, &slicing);
            (limiter.counted(), limiter.take_expired())
        };
        assert_eq!(expired(&mut limiter, 29), (2, vec![]));
        assert_eq!(expired(&mut limiter, 30), (1, vec![Group(7)]));
        limiter.see(Group(7), SliceNumber(2));
        limiter.expire(40, &slicing);
        limiter.see(Group(8), SliceNumber(2));
        assert_eq!(expired(&mut limiter, 50), (0, vec![Group(7), Group(8)]), "each once");
        assert!(limiter.seen.is_empty());
    }
}
