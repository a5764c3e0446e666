//! Where accumulators are in FOLD, and the keys of their groups.

use std::collections::BTreeMap;

use streamgauge_common::{column::Texts, partition::Partition};

use super::{
    super::{
        group::Group,
        partition::{Late, PartitionState},
        segment::FoldSegment,
    },
    GroupSlots,
};

/// The late accumulators of a partition, those of one place together.
pub(super) fn late(
    which: Partition,
    partition: &PartitionState,
    wanted: impl Fn(&Late) -> bool,
) -> BTreeMap<FoldSegment, GroupSlots> {
    let mut places: BTreeMap<FoldSegment, GroupSlots> = BTreeMap::new();
    for (late, slot) in partition.late().filter(|(late, _)| wanted(late)) {
        let kind = late.point.kind(late.slice);
        places.entry(FoldSegment { partition: which, kind }).or_default().push((late.group, slot));
    }
    places
}

/// The keys of groups of a partition.
pub(super) fn keys(partition: &PartitionState, groups: impl Iterator<Item = Group>) -> Texts {
    let mut keys = Texts::default();
    groups.for_each(|group| keys.push(partition.key(group)));
    keys
}
