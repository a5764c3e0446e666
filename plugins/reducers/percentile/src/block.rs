//! How often each place of a block occurs: a block is half a power of two of one sign.
//!
//! Small blocks: a merge steps through every counter of the blocks that are there, so those without a value should not be.
//! Counters of 32 bits are a plain array, which adds to another several times faster than a histogram does: that is what
//! closing a sliding window consists of. Where they might not suffice, a histogram of 64 bits takes over.

use hdrhistogram::Histogram;

/// Places in a block: as many as a histogram of two digits counts one by one.
pub(crate) const PLACES: u32 = 256;

/// The occurrences of the places of a block.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Counters that cannot overflow: their sum fits 32 bits.
    Narrow { counts: Box<[u32; PLACES as usize]>, total: u32 },
    /// Beyond that.
    Wide(Histogram<u64>),
}

impl Block {
    /// No occurrence.
    pub(crate) fn new() -> Self {
        Self::Narrow { counts: Box::new([0; PLACES as usize]), total: 0 }
    }

    /// How many occurrences.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Narrow { total, .. } => u64::from(*total),
            Self::Wide(histogram) => histogram.len(),
        }
    }

    /// Counts one occurrence of a place.
    #[inline]
    pub(crate) fn add(&mut self, place: u32) {
        match self {
            Self::Narrow { counts, total } if *total < u32::MAX => {
                debug_assert!(place < PLACES, "a place of this block");
                if let Some(count) = counts.get_mut(place as usize) {
                    *count += 1;
                    *total += 1;
                }
            }
            _ => record(self.wide(), place, 1),
        }
    }

    /// Counts so many.
    pub(crate) fn add_many(&mut self, place: u32, count: u64) {
        match (u32::try_from(self.count().saturating_add(count)), self) {
            (Ok(sum), Self::Narrow { counts, total }) => {
                if let Some(counter) = counts.get_mut(place as usize) {
                    *counter += count as u32;
                    *total = sum;
                }
            }
            (_, block) => record(block.wide(), place, count),
        }
    }

    /// Counts the occurrences of another block.
    pub(crate) fn merge(&mut self, other: &Self) {
        let sum = u32::try_from(self.count().saturating_add(other.count()));
        match (self, other, sum) {
            (Self::Narrow { counts, total }, Self::Narrow { counts: others, .. }, Ok(sum)) => {
                counts.iter_mut().zip(others.iter()).for_each(|(count, other)| *count += other);
                *total = sum;
            }
            (block, other, _) => other.occurrences().for_each(|(place, count)| block.add_many(place, count)),
        }
    }

    /// The place of the occurrence of this rank, from 1 to the count.
    pub(crate) fn at(&self, rank: u64) -> u32 {
        match self {
            Self::Narrow { counts, .. } => {
                let mut up_to = 0;
                let reached = |count: &u32| {
                    up_to += u64::from(*count);
                    rank <= up_to
                };
                counts.iter().position(reached).map_or(PLACES - 1, |place| place as u32)
            }
            // Half a rank below: the histogram rounds up, and no rounding of its own crosses a whole rank.
            Self::Wide(histogram) => {
                histogram.value_at_quantile((rank as f64 - 0.5) / histogram.len() as f64) as u32
            }
        }
    }

    /// The places that occur, in order, with their counts.
    pub(crate) fn occurrences(&self) -> Box<dyn Iterator<Item = (u32, u64)> + '_> {
        match self {
            Self::Narrow { counts, .. } => Box::new(
                (0..)
                    .zip(counts.iter())
                    .filter(|&(_, &count)| count > 0)
                    .map(|(place, &count)| (place, count.into())),
            ),
            Self::Wide(histogram) => Box::new(
                histogram.iter_recorded().map(|bin| (bin.value_iterated_to() as u32, bin.count_at_value())),
            ),
        }
    }

    #[cold]
    fn wide(&mut self) -> &mut Histogram<u64> {
        if let Self::Narrow { .. } = self {
            let mut wide = histogram();
            self.occurrences().for_each(|(place, count)| record(&mut wide, place, count));
            *self = Self::Wide(wide);
        }
        match self {
            Self::Wide(histogram) => histogram,
            Self::Narrow { .. } => unreachable!("it was made wide"),
        }
    }
}

fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, which a test makes too")]
    Histogram::new_with_bounds(1, u64::from(PLACES - 1), 2).expect("the bounds are valid")
}

fn record(histogram: &mut Histogram<u64>, place: u32, count: u64) {
    let recorded = histogram.record_n(u64::from(place), count);
    debug_assert!(recorded.is_ok(), "a block has a counter for each of its places");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_counter_of_its_own() {
        let mut block = Block::new();
        (0..PLACES).for_each(|place| block.add_many(place, u64::from(place) + 1));
        assert!(block.occurrences().eq((0..PLACES).map(|place| (place, u64::from(place) + 1))));
        let mut rank = 0;
        for place in 0..PLACES {
            assert_eq!(block.at(rank + 1), place);
            rank += u64::from(place) + 1;
            assert_eq!(block.at(rank), place);
        }
        assert_eq!(rank, block.count());
    }

    #[test]
    fn counters_widen_before_they_are_full() {
        let full = u64::from(u32::MAX);
        let mut block = Block::new();
        block.add_many(7, full);
        assert!(matches!(block, Block::Narrow { .. }));
        let mut merged = block.clone();
        block.add(7);
        assert!(block.occurrences().eq([(7, full + 1)]));
        let mut one = Block::new();
        one.add(3);
        merged.merge(&one);
        assert!(merged.occurrences().eq([(3, 1), (7, full)]));
        merged.merge(&block);
        assert!(merged.occurrences().eq([(3, 1), (7, 2 * full + 1)]));
    }
}
