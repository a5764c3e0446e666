//! Which partition: of which of a query task's inputs, and its number there.
//!
//! A reader reads one source, so it knows partitions by their numbers alone. A query task may read several sources, of which each
//! has a partition 0; what belongs to the task (positions, watermarks, verdicts, segments of state) is therefore kept by
//! [`Partition`]. The one is made of the other where a pipeline hands what it has read to a task.

use std::fmt;

/// Which of a query task's inputs, in the order in which its query names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceIndex(pub u16);

/// A partition of one of a query task's inputs. Partitions are ordered by source, then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The input that it is of.
    pub source: SourceIndex,
    /// Its number in that input: Kafka's own, or the place of the file among its source's files. Below 2^31, as Kafka's are.
    pub number: u32,
}

impl SourceIndex {
    /// The first input. A task with one input has no other.
    pub const FIRST: Self = Self(0);

    /// A partition of this input.
    pub const fn partition(self, number: u32) -> Partition {
        Partition { source: self, number }
    }
}

impl Partition {
    /// The bit that is set in a kept number where the source's index stands behind it.
    const HAS_SOURCE: u32 = 1 << 31;

    /// How it is kept, in state and in the keys of rows: its number, and behind it the index of its source. For the first source
    /// there is the number alone, as when tasks had one source; for others the number's top bit says that an index follows.
    pub fn to_kept(self) -> (u32, Option<u16>) {
        debug_assert_eq!(self.number & Self::HAS_SOURCE, 0, "Kafka's numbers of partitions are below 2^31");
        match self.source {
            SourceIndex::FIRST => (self.number, None),
            SourceIndex(index) => (self.number | Self::HAS_SOURCE, Some(index)),
        }
    }

    /// From how it is kept; `index` gives what stands behind the number, where there is something. None where that is the index of
    /// the first source, which is never written.
    pub fn from_kept<E>(number: u32, index: impl FnOnce() -> Result<u16, E>) -> Result<Option<Self>, E> {
        if number & Self::HAS_SOURCE == 0 {
            return Ok(Some(SourceIndex::FIRST.partition(number)));
        }
        let source = SourceIndex(index()?);
        Ok((source != SourceIndex::FIRST).then(|| source.partition(number & !Self::HAS_SOURCE)))
    }
}

/// The number; before it the index of the source and a slash, where that is not the first.
impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            SourceIndex::FIRST => write!(formatter, "{}", self.number),
            SourceIndex(index) => write!(formatter, "{index}/{}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_the_first_source_are_shown_and_ordered_by_their_numbers_before_all_others() {
        let [first, last] = [0, 7].map(|number| SourceIndex::FIRST.partition(number));
        let other = SourceIndex(3).partition(0);
        assert!(first < last && last < other);
        assert_eq!([first, last, other].map(|partition| partition.to_string()), ["0", "7", "3/0"]);
    }
}
