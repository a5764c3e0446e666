//! How often a query task has failed without a record to blame, and without coming on since.

use streamgauge_common::{offset::Offset, partition::Partition};
use streamgauge_state::manifest::Offsets;

/// Faults that were not traced to a record, without progress since the first of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Traps {
    count: u32,
    /// The partition and the last offset of what was being folded at the last fault that came of folding.
    at: Option<(Partition, Offset)>,
}

impl Traps {
    /// One more, while the offsets `batch` of a partition, the first to the last, were being folded, if any were. False where there were
    /// more than `traps_max` without progress.
    pub(super) fn add(&mut self, batch: Option<(Partition, Offset, Offset)>, traps_max: u32) -> bool {
        self.count += 1;
        self.at = batch.map(|(partition, _, last)| (partition, last)).or(self.at);
        self.count <= traps_max
    }

    /// The task stands at these offsets: faults count no longer where it is past the last of them.
    pub(super) fn pass(&mut self, offsets: &Offsets) {
        let is_past =
            |(partition, offset)| offsets.get(&partition).is_some_and(|progress| progress.next > offset);
        if self.at.is_some_and(is_past) {
            self.forget();
        }
    }

    /// What brought them about is known and gone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::partition::SourceIndex;
    use streamgauge_state::manifest::PartitionProgress;

    use super::*;

    const PARTITION: Partition = SourceIndex::FIRST.partition(3);

    fn at(next: i64) -> Offsets {
        [(PARTITION, PartitionProgress { next: Offset(next), done: false })].into()
    }

    #[test]
    fn more_faults_than_allowed_without_progress_are_too_many() {
        let mut traps = Traps::default();
        assert!(traps.add(Some((PARTITION, Offset(10), Offset(19))), 2));
        traps.pass(&at(19));
        assert!(
            traps.add(Some((PARTITION, Offset(10), Offset(19))), 2),
            "the second is the last that is allowed"
        );
        assert!(!traps.add(Some((PARTITION, Offset(10), Offset(19))), 2), "19 was not passed between them");
    }

    #[test]
    fn faults_are_forgotten_when_the_task_is_past_the_last_of_them() {
        let mut traps = Traps::default();
        assert!(traps.add(Some((PARTITION, Offset(10), Offset(19))), 1));
        traps.pass(&at(20));
        assert_eq!(traps, Traps::default());
        assert!(traps.add(Some((PARTITION, Offset(20), Offset(29))), 1));
        traps.pass(&Offsets::new());
        assert!(
            !traps.add(Some((PARTITION, Offset(20), Offset(29))), 1),
            "where it stands in partition 3 is not known"
        );
    }

    #[test]
    fn a_fault_while_nothing_is_folded_counts_until_the_place_of_the_one_before_is_passed() {
        let mut traps = Traps::default();
        assert!(traps.add(None, 2));
        traps.pass(&at(i64::MAX));
        assert!(
            traps.add(Some((PARTITION, Offset(10), Offset(19))), 2),
            "there is no place to pass for the first"
        );
        assert!(!traps.add(None, 2));
        traps.pass(&at(20));
        assert_eq!(traps, Traps::default());
        assert!(traps.add(None, 1));
        traps.forget();
        assert!(traps.add(None, 1));
    }
}
