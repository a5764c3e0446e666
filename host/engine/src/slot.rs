//! Small numbers for accumulators and groups: the lowest that is free comes first, so tables by number stay short.

/// Enough levels of 64-fold branching for every `u32`.
const LEVELS: usize = 6;

/// Gives out numbers from 0 and takes them back.
///
/// Numbers that came back are bits of a 64-fold tree: a bit of a level says that its word in the level below has a bit.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotAllocator {
    free: [Vec<u64>; LEVELS],
    free_count: u32,
    /// Never given out from here on.
    end: u32,
}

impl SlotAllocator {
    /// The lowest free number.
    pub(super) fn take(&mut self) -> u32 {
        if self.free_count == 0 {
            assert!(self.end < super::dense::NONE, "numbers are bounded by memory long before");
            self.end += 1;
            return self.end - 1;
        }
        let mut index = 0;
        for level in self.free.iter().rev() {
            index = index * 64 + level.get(index).map_or(0, |word| word.trailing_zeros() as usize);
        }
        self.free_count -= 1;
        let number = index as u32;
        for level in &mut self.free {
            let Some(word) = level.get_mut(index / 64) else { break };
            *word &= !(1 << (index % 64));
            if *word != 0 {
                break;
            }
            index /= 64;
        }
        number
    }

    /// Takes back a number that was given out.
    pub(super) fn give_back(&mut self, number: u32) {
        debug_assert!(number < self.end, "{number} was never given out");
        self.free_count += 1;
        let mut index = number as usize;
        for level in &mut self.free {
            if level.len() <= index / 64 {
                level.resize(index / 64 + 1, 0);
            }
            let Some(word) = level.get_mut(index / 64) else { unreachable!("grown above") };
            let bit = 1 << (index % 64);
            let was = *word;
            debug_assert!(was == 0 || was & bit == 0 || index != number as usize, "{number} is free already");
            *word |= bit;
            if was != 0 {
                break;
            }
            index /= 64;
        }
    }

    /// How many numbers are given out.
    pub(super) fn in_use(&self) -> u32 {
        self.end - self.free_count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lowest_free_number_comes_first() {
        let mut numbers = SlotAllocator::default();
        for expected in 0..10_000 {
            assert_eq!(numbers.take(), expected);
        }
        for number in [9_999, 64, 4_096, 63] {
            numbers.give_back(number);
        }
        let taken: Vec<u32> = (0..5).map(|_| numbers.take()).collect();
        assert_eq!(taken, [63, 64, 4_096, 9_999, 10_000]);
        assert_eq!(numbers.in_use(), 10_001);
    }

    proptest! {
        /// Against a sorted set of free numbers.
        #[test]
        fn numbers_are_those_of_a_sorted_set(steps in prop::collection::vec(any::<u16>(), 0..600)) {
            let mut numbers = SlotAllocator::default();
            let (mut free, mut used, mut end) = (BTreeSet::new(), Vec::new(), 0);
            for step in steps {
                if step % 5 < 3 || used.is_empty() {
                    let expected = free.pop_first().unwrap_or_else(|| { end += 1; end - 1 });
                    prop_assert_eq!(numbers.take(), expected);
                    used.push(expected);
                } else {
                    let number = used.swap_remove(step as usize % used.len());
                    numbers.give_back(number);
                    free.insert(number);
                }
                prop_assert_eq!(numbers.in_use() as usize, used.len());
            }
        }
    }
}
