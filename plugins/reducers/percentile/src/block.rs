//! How often each place of a block occurs: a block is four powers of two of one sign, one histogram.

use hdrhistogram::{Counter, Histogram};

/// Places in a block: as many as a histogram of three digits counts one by one.
pub(crate) const PLACES: u32 = 2048;

/// The occurrences of the places of a block. Counters of 32 bits serve until they might not.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Narrow(Histogram<u32>),
    Wide(Histogram<u64>),
}

impl Block {
    /// No occurrence.
    pub(crate) fn new() -> Self {
        Self::Narrow(histogram())
    }

    /// How many occurrences.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Narrow(histogram) => histogram.len(),
            Self::Wide(histogram) => histogram.len(),
        }
    }

    /// Counts one occurrence of a place.
    #[inline]
    pub(crate) fn add(&mut self, place: u32) {
        match self {
            Self::Narrow(histogram) if histogram.len() < u64::from(u32::MAX) => record(histogram, place, 1),
            _ => record(self.wide(), place, 1),
        }
    }

    /// Counts so many.
    pub(crate) fn add_many(&mut self, place: u32, count: u64) {
        match (u32::try_from(self.count().saturating_add(count)), self) {
            (Ok(_), Self::Narrow(histogram)) => record(histogram, place, count as u32),
            (_, block) => record(block.wide(), place, count),
        }
    }

    /// Counts the occurrences of another block.
    pub(crate) fn merge(&mut self, other: &Self) {
        let fits = u32::try_from(self.count().saturating_add(other.count())).is_ok();
        match (self, other) {
            (Self::Narrow(histogram), Self::Narrow(other)) if fits => {
                let added = histogram.add(other);
                debug_assert!(added.is_ok(), "the histograms of all blocks are alike");
            }
            (block, other) => other.occurrences().for_each(|(place, count)| block.add_many(place, count)),
        }
    }

    /// The place of the occurrence of this rank, from 1 to the count.
    pub(crate) fn at(&self, rank: u64) -> u32 {
        // Half a rank below: the histogram rounds up, and no rounding of its own crosses a whole rank.
        let quantile = (rank as f64 - 0.5) / self.count() as f64;
        let place = match self {
            Self::Narrow(histogram) => histogram.value_at_quantile(quantile),
            Self::Wide(histogram) => histogram.value_at_quantile(quantile),
        };
        place as u32
    }

    /// The places that occur, in order, with their counts.
    pub(crate) fn occurrences(&self) -> Box<dyn Iterator<Item = (u32, u64)> + '_> {
        fn of<T: Counter>(histogram: &Histogram<T>) -> impl Iterator<Item = (u32, u64)> + '_ {
            histogram
                .iter_recorded()
                .map(|bin| (bin.value_iterated_to() as u32, bin.count_at_value().as_u64()))
        }
        match self {
            Self::Narrow(histogram) => Box::new(of(histogram)),
            Self::Wide(histogram) => Box::new(of(histogram)),
        }
    }

    #[cold]
    fn wide(&mut self) -> &mut Histogram<u64> {
        if let Self::Narrow(_) = self {
            let mut wide = histogram();
            self.occurrences().for_each(|(place, count)| record(&mut wide, place, count));
            *self = Self::Wide(wide);
        }
        match self {
            Self::Wide(histogram) => histogram,
            Self::Narrow(_) => unreachable!("it was made wide"),
        }
    }
}

fn histogram<T: Counter>() -> Histogram<T> {
    #[expect(clippy::expect_used, reason = "constant bounds, which a test makes too")]
    Histogram::new_with_bounds(1, u64::from(PLACES - 1), 3).expect("the bounds are valid")
}

#[inline]
fn record<T: Counter>(histogram: &mut Histogram<T>, place: u32, count: T) {
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
        assert!(matches!(block, Block::Narrow(_)));
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
