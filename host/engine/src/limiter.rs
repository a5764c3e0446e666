//! How many groups a partition has, so that they stay below `max_groups`.
//!
//! A group counts from its first row until the partition's own watermark has reached the end of every window that covers
//! one of its rows. So which rows are refused depends on the partition alone, not on when other partitions let windows
//! close.

use std::collections::BTreeMap;

use super::{dense::Dense, slice::Slicing};

/// The newest slice of a group that does not count.
const GONE: i64 = i64::MIN;

/// The groups that count.
#[derive(Clone, Debug)]
pub(super) struct GroupLimiter {
    counted: usize,
    /// By group: the newest slice it was seen in.
    newest: Dense<i64>,
    /// By slice: the groups whose newest it is, or was when they were listed.
    seen: BTreeMap<i64, Vec<u32>>,
    /// Groups that stopped to count and were not taken; some may count again.
    expired: Vec<u32>,
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
    pub(super) fn counts(&self, group: u32) -> bool {
        self.newest.get(group) != GONE
    }

    /// A group has a row in a slice.
    pub(super) fn see(&mut self, group: u32, slice: i64) {
        let newest = self.newest.at(group);
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
                let newest = self.newest.at(group);
                if *newest == slice {
                    *newest = GONE;
                    self.counted -= 1;
                    self.expired.push(group);
                }
            }
        }
    }

    /// The groups whose newest slice is before one, slice by slice.
    pub(super) fn before(&self, slice: i64) -> impl Iterator<Item = (i64, Vec<u32>)> + '_ {
        self.seen.range(..slice).filter_map(|(&slice, groups)| {
            let mut newest: Vec<u32> =
                groups.iter().copied().filter(|&group| self.newest.get(group) == slice).collect();
            newest.sort_unstable();
            newest.dedup();
            (!newest.is_empty()).then_some((slice, newest))
        })
    }

    /// The groups that have stopped to count since the last call, each once.
    pub(super) fn take_expired(&mut self) -> Vec<u32> {
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
        limiter.see(7, 0);
        limiter.see(8, 0);
        limiter.see(8, 1);
        limiter.see(8, 0);
        assert_eq!((limiter.counted(), limiter.counts(7), limiter.counts(9)), (2, true, false));
        let expired = |limiter: &mut GroupLimiter, watermark| {
            limiter.expire(watermark, &slicing);
            (limiter.counted(), limiter.take_expired())
        };
        assert_eq!(expired(&mut limiter, 29), (2, vec![]));
        assert_eq!(expired(&mut limiter, 30), (1, vec![7]));
        limiter.see(7, 2);
        limiter.expire(40, &slicing);
        limiter.see(8, 2);
        assert_eq!(expired(&mut limiter, 50), (0, vec![7, 8]), "each once");
        assert!(limiter.seen.is_empty());
    }
}
