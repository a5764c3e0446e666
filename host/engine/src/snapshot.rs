//! A query's state to parts.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_common::column::Texts;

use super::{
    Accumulators, Fault, SegmentId, SegmentKind, Snapshot, StateSegment, WindowProgress, WindowQuery,
    fold::{Late, Partition},
    segment::first_needed,
    states::States,
};

/// The most groups of a part: many make several parts, so that no call into a reducer gives more than it may.
const GROUPS_MAX: usize = 1024;

/// What of a part is captured: its groups with their slots.
type Groups = Vec<(u32, u32)>;

impl WindowQuery {
    /// From now on what changes is remembered, so that it can be captured.
    pub fn track_changes(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// Whether a window is being given out: its state is neither that before nor that behind it.
    pub fn is_mid_window(&self) -> bool {
        self.open.is_some()
    }

    /// What has changed since the last capture, or since the changes are tracked; and all of the parts that `whole` names, as
    /// far as they are not sealed. Parts that were put back from states of other versions are captured as a whole, once.
    ///
    /// # Panics
    /// Where changes are not tracked, or in the middle of a window.
    pub fn snapshot(
        &mut self,
        whole: &BTreeSet<SegmentId>,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Snapshot, Fault> {
        assert!(self.open.is_none(), "a state is captured between windows");
        self.check(accumulators)?;
        let captured = self.try_capture(whole, accumulators);
        self.note(captured)
    }

    fn try_capture(
        &mut self,
        whole: &BTreeSet<SegmentId>,
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<Snapshot, Fault> {
        let Some(changes) = &mut self.changes else { unreachable!("changes are tracked") };
        let first = first_needed(&self.slicing, self.first_window, self.close.closed);
        let (mut parts, mut kept) = changes.take_sealed(first);
        let mut states = States { aggregates: &self.aggregates, accumulators, slots: &mut self.slots };
        let tracked = &*changes;
        let is_whole = |id: &SegmentId| whole.contains(id) || tracked.is_outdated(id);
        let changed = |id: &SegmentId, groups: &mut dyn Iterator<Item = (u32, u32)>| -> Groups {
            let all = is_whole(id);
            groups.filter(|&(_, slot)| all || tracked.is_touched(slot)).collect()
        };
        for (&number, partition) in &self.partitions {
            let mut open: Vec<(SegmentId, Groups)> = Vec::new();
            for slice in partition.slices().filter(|slice| slice.number >= first) {
                let id = SegmentId { partition: number, place: SegmentKind::Slice(slice.number) };
                let mut groups = slice.groups.iter().map(|&group| (group, slice.slot(group)));
                open.push((id, changed(&id, &mut groups)));
            }
            for (id, groups) in late(number, partition, |late| late.slice >= first) {
                open.push((id, changed(&id, &mut groups.into_iter())));
            }
            for (id, groups) in open {
                kept.insert(id);
                parts.extend(self::parts(id, is_whole(&id), partition, &groups, &mut states)?);
            }
            for (slice, groups) in partition.counted_before(first) {
                let id = SegmentId { partition: number, place: SegmentKind::Counted(slice) };
                kept.insert(id);
                parts.push(keys_only(id, partition, &groups));
            }
        }
        changes.begin();
        let partitions =
            self.partitions.iter().map(|(&number, partition)| (number, partition.watermark.at()));
        let window_progress = WindowProgress {
            closed: self.close.closed,
            watermark: self.watermark(),
            partitions: partitions.collect(),
        };
        Ok(Snapshot { window_progress, parts, kept })
    }
}

/// The late accumulators of a partition, those of one place together.
pub(super) fn late(
    number: u32,
    partition: &Partition,
    wanted: impl Fn(&Late) -> bool,
) -> BTreeMap<SegmentId, Groups> {
    let mut places: BTreeMap<SegmentId, Groups> = BTreeMap::new();
    for (late, slot) in partition.late().filter(|(late, _)| wanted(late)) {
        let place = SegmentKind::Late { window: late.window, slice: late.slice };
        places.entry(SegmentId { partition: number, place }).or_default().push((late.group, slot));
    }
    places
}

/// Groups of a part with their states.
pub(super) fn parts(
    id: SegmentId,
    whole: bool,
    partition: &Partition,
    groups: &[(u32, u32)],
    states: &mut States<'_>,
) -> Result<Vec<StateSegment>, Fault> {
    let mut parts = Vec::new();
    for (index, groups) in groups.chunks(GROUPS_MAX).enumerate() {
        let slots: Vec<u32> = groups.iter().map(|&(_, slot)| slot).collect();
        let numbers: Vec<u32> = groups.iter().map(|&(group, _)| group).collect();
        let states = states.snapshot(&slots)?;
        parts.push(StateSegment { whole: whole && index == 0, states, ..keys_only(id, partition, &numbers) });
    }
    Ok(parts)
}

fn keys_only(id: SegmentId, partition: &Partition, groups: &[u32]) -> StateSegment {
    let mut keys = Texts::default();
    groups.iter().for_each(|&group| keys.push(partition.key_bytes(group)));
    StateSegment { id, whole: matches!(id.place, SegmentKind::Counted(_)), keys, states: Vec::new() }
}
