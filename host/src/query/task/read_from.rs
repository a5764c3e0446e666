//! From where an input is read for query tasks.

use std::collections::BTreeMap;

use streamgauge_common::{offset::Offset, topic_id::TopicId};
use streamgauge_kafka::StartAt;

/// From where a reader of one of its inputs reads for a task. A reader knows partitions by their numbers.
pub struct ReadFrom {
    /// Behind what was read before; empty where reading begins.
    pub offsets: BTreeMap<u32, Offset>,
    /// The ends to which partitions are read, where they were fixed when it began.
    pub ends: BTreeMap<u32, Offset>,
    /// Which topic it is, where that was known when it began.
    pub topic_id: Option<TopicId>,
    /// Where it begins, if there are no offsets yet.
    pub start: StartAt,
}

impl ReadFrom {
    /// From where both have all that they need: a partition that one of them does not know is read from its beginning.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        let offsets = self.offsets.into_iter();
        let both = offsets.filter_map(|(partition, own)| {
            other.offsets.get(&partition).map(|&others| (partition, own.min(others)))
        });
        Self { offsets: both.collect(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_one_has_all_that_both_need() {
        let from = |offsets: &[(u32, i64)]| ReadFrom {
            offsets: offsets.iter().map(|&(partition, offset)| (partition, Offset(offset))).collect(),
            ends: BTreeMap::new(),
            topic_id: None,
            start: StartAt::Earliest,
        };
        let earlier = from(&[(0, 5), (1, 7), (2, 1)]).earlier(from(&[(0, 9), (1, 3)]));
        assert_eq!(earlier.offsets, BTreeMap::from([(0, Offset(5)), (1, Offset(3))]));
        assert!(from(&[(0, 5)]).earlier(from(&[])).offsets.is_empty());
    }
}
