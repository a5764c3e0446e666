//! FOLD: rows to slots and into the reducers, and what is kept of each partition until CLOSE takes it.
//!
//! State here is by partition and follows from the partition's contents alone, but for one thing: CLOSE says up to where it has
//! closed windows, because an idle partition may find windows closed that its own watermark has not reached.

mod cells;
mod places;
mod retained;

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_common::{
    column::{Bitmap, Column, DataType},
    partition::Partition,
};

use super::{
    Fault, RestoreError, SegmentKind, Settings, StateSegment,
    group::Group,
    key,
    late::LateRow,
    lateness::Lateness,
    partition::{FoldContext, Late, PartitionState, Placed},
    sealed::{Closing, GROUPS_MAX, SealedSlice, SealedSlices, SealedStates, TakeSealed},
    segment::{Changes, FoldSegment, SegmentId},
    slice::{SliceNumber, Slicing, WindowNumber},
    slot::SlotAllocator,
    states::States,
    watermark::{FOREVER, NEVER},
};

pub(super) use cells::Unsealed;
use places::{keys, late};
use retained::Retained;

/// Rows of one partition, in its order, behind decode and `ingest`. All columns have as many rows as `times`.
#[derive(Clone, Copy, Debug)]
pub struct FoldBatch<'a> {
    /// The event times of all decoded rows; rows that were dead letters at decode, and rows without a time, are not
    /// here.
    pub times: &'a Column,
    /// The rows to fold; the others, which WHERE or a failed expression took out, only move the watermark.
    pub kept: Option<&'a Bitmap>,
    /// The group's key.
    pub keys: &'a [&'a Column],
    /// The arguments of each aggregate; where it needs the time, the times are the last.
    pub arguments: &'a [Vec<&'a Column>],
}

impl FoldBatch<'_> {
    #[inline]
    pub(super) fn keeps(&self, row: usize) -> bool {
        self.kept.is_none_or(|kept| kept.get(row))
    }
}

/// What became of the rows of a batch that were not simply folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Rows that were late for every window that covers them.
    pub late: u64,
    /// Which rows these are, and what they missed: as many as `late` says.
    pub late_rows: Vec<LateRow>,
    /// Rows that were late for some of them.
    pub late_partial: u64,
    /// Rows that came in time and are only in windows that start before those that are emitted.
    pub unwanted: u64,
    /// Rows of new groups beyond `max_groups`.
    pub rejected: Vec<u32>,
    /// Rows without a time, or with one outside of the years 1 to 9999: they moved no watermark. Decode lets none through.
    pub out_of_range: Vec<u32>,
}

/// The half of a windowed query that folds rows.
#[derive(Debug)]
pub(super) struct Fold {
    slicing: Slicing,
    settings: Settings,
    key_types: Vec<DataType>,
    /// Slices before it are in no window that is emitted.
    first_slice: SliceNumber,
    partitions: BTreeMap<Partition, PartitionState>,
    /// With ALLOW LATENESS: what CLOSE has got is kept.
    retained: Option<Retained>,
    /// What changed, where that is tracked.
    changes: Option<Changes>,
}

/// Groups of a segment with their slots.
type GroupSlots = Vec<(Group, u32)>;

impl Fold {
    /// Nothing yet.
    pub(super) fn new(slicing: Slicing, settings: Settings, key_types: Vec<DataType>) -> Self {
        let first_slice = slicing.first_slice(settings.first_window(&slicing));
        let retained = settings.lateness_us.map(|us| Retained::new(Lateness::new(slicing, us)));
        Self {
            slicing,
            settings,
            key_types,
            first_slice,
            partitions: BTreeMap::new(),
            retained,
            changes: None,
        }
    }

    /// How many groups a partition may have.
    pub(super) fn groups_max(&self) -> usize {
        self.settings.groups_max
    }

    /// Folds rows of a partition, in which windows that end at or before `closed` are closed.
    pub(super) fn fold(
        &mut self,
        partition: Partition,
        batch: &FoldBatch<'_>,
        closed: i64,
        states: &mut States<'_>,
    ) -> Result<Folded, Fault> {
        let placed = self.place(partition, batch, closed, states.slots);
        self.touch(&placed.slots);
        states.accumulate(batch, &placed)?;
        Ok(placed.folded)
    }

    /// Finds the slots of a batch's rows.
    pub(super) fn place(
        &mut self,
        partition: Partition,
        batch: &FoldBatch<'_>,
        closed: i64,
        slots: &mut SlotAllocator,
    ) -> Placed {
        debug_assert!(
            batch.keys.iter().map(|key| key.data_type()).eq(self.key_types.iter().copied()),
            "the plan's keys"
        );
        let mut context = FoldContext {
            slicing: &self.slicing,
            delay_us: self.settings.delay_us,
            lateness: self.retained.as_ref().map(|retained| &retained.lateness),
            groups_max: self.settings.groups_max,
            first_slice: self.first_slice,
            closed,
            slots,
        };
        let state = self.partitions.entry(partition).or_insert_with(PartitionState::new);
        state.place(batch, &mut context)
    }

    /// These slots have changed.
    pub(super) fn touch(&mut self, slots: &[u32]) {
        if let Some(changes) = &mut self.changes {
            changes.touch(slots);
        }
    }

    /// A partition is there.
    pub(super) fn add_partition(&mut self, partition: Partition) {
        self.partitions.entry(partition).or_insert_with(PartitionState::new);
    }

    /// No row of a partition comes any more.
    pub(super) fn end(&mut self, partition: Partition) {
        let lateness = self.retained.as_ref().map(|retained| &retained.lateness);
        self.partitions.entry(partition).or_insert_with(PartitionState::new).end(&self.slicing, lateness);
    }

    /// Every row before a time has come, in all partitions.
    pub(super) fn complete(&mut self, time: i64) {
        let lateness = self.retained.as_ref().map(|retained| &retained.lateness);
        for partition in self.partitions.values_mut() {
            partition.complete(time, &self.slicing, lateness);
        }
    }

    /// A partition's own watermark: its largest event time less the delay.
    pub(super) fn watermark(&self, partition: Partition) -> i64 {
        self.partitions.get(&partition).map_or(NEVER, |partition| partition.watermark)
    }

    /// The greatest event time of the partitions that have not ended; none before any event.
    pub(super) fn newest(&self) -> Option<i64> {
        self.partitions.keys().filter_map(|&partition| self.newest_of(partition)).max()
    }

    /// The greatest event time of a partition; none before its first event, and behind its end.
    pub(super) fn newest_of(&self, partition: Partition) -> Option<i64> {
        let watermark = self.watermark(partition);
        (watermark != NEVER && watermark != FOREVER).then(|| watermark.saturating_add(self.settings.delay_us))
    }

    /// How much later than the greatest event time so far an event may come.
    pub(super) fn delay_us(&self) -> i64 {
        self.settings.delay_us
    }

    /// The start of the first window that is emitted; none where all are.
    pub(super) fn emits_from(&self) -> Option<i64> {
        self.settings.emit_from_us?;
        Some(self.slicing.start(self.settings.first_window(&self.slicing)))
    }

    /// How many groups are here, over all partitions.
    pub(super) fn groups(&self) -> usize {
        self.partitions.values().map(PartitionState::groups).sum()
    }

    /// From now on what changes is remembered, so that it can be captured.
    pub(super) fn track_changes(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// What has changed since the last capture, and the names of all segments that belong to the state of windows from that of
    /// slice `first` on. Of those that `whole` names, and that were put back from states of other versions, all groups.
    pub(super) fn snapshot(
        &mut self,
        first: SliceNumber,
        whole: &BTreeSet<SegmentId>,
        states: &mut States<'_>,
    ) -> Result<(Vec<StateSegment>, BTreeSet<SegmentId>), Fault> {
        let Some(changes) = &mut self.changes else { unreachable!("changes are tracked") };
        let (mut parts, sealed) = changes.take_sealed(first);
        let mut kept: BTreeSet<SegmentId> = sealed.into_iter().map(SegmentId::Fold).collect();
        let tracked = &*changes;
        let is_whole = |id: &FoldSegment| whole.contains(&SegmentId::Fold(*id)) || tracked.is_outdated(id);
        let changed = |id: &FoldSegment, groups: &mut dyn Iterator<Item = (Group, u32)>| -> GroupSlots {
            let all = is_whole(id);
            groups.filter(|&(_, slot)| all || tracked.is_touched(slot)).collect()
        };
        for (&which, partition) in &self.partitions {
            let mut open: Vec<(FoldSegment, GroupSlots)> = Vec::new();
            for slice in partition.slices().filter(|slice| slice.number >= first) {
                let id = FoldSegment { partition: which, kind: SegmentKind::Slice(slice.number) };
                open.push((id, changed(&id, &mut slice.groups())));
            }
            for (id, groups) in late(which, partition, |late| late.slice >= first) {
                open.push((id, changed(&id, &mut groups.into_iter())));
            }
            for (id, groups) in open {
                kept.insert(SegmentId::Fold(id));
                parts.extend(segments(id, is_whole(&id), partition, &groups, states)?);
            }
            for (slice, groups) in partition.counted_before(first) {
                let id = FoldSegment { partition: which, kind: SegmentKind::Counted(slice) };
                kept.insert(SegmentId::Fold(id));
                parts.push(StateSegment {
                    id: SegmentId::Fold(id),
                    whole: true,
                    keys: keys(partition, groups.into_iter()),
                    states: Vec::new(),
                });
            }
        }
        changes.begin();
        Ok((parts, kept))
    }

    /// The partitions' own watermarks.
    pub(super) fn watermarks(&self) -> impl Iterator<Item = (Partition, i64)> + '_ {
        self.partitions.iter().map(|(&which, partition)| (which, partition.watermark))
    }

    /// A partition whose own watermark was captured; its segments follow.
    pub(super) fn restore_partition(&mut self, partition: Partition, watermark: i64) {
        self.partitions.insert(partition, PartitionState::restored(watermark));
    }

    /// Puts a segment back; of a group that is there already the later state counts. See `WindowQuery::put_back`.
    pub(super) fn put_back(
        &mut self,
        segment: &StateSegment,
        versions: &[u32],
        states: &mut States<'_>,
    ) -> Result<(), RestoreError> {
        let misfit = |what: &str| Err(RestoreError::Misfit(format!("a part of it has {what}")));
        let SegmentId::Fold(id) = segment.id else {
            return misfit("the state of an operator, where the states of windows are");
        };
        let Some(partition) = self.partitions.get_mut(&id.partition) else {
            return misfit("a partition that it does not name");
        };
        if matches!(id.kind, SegmentKind::Moments(_) | SegmentKind::Sessions) {
            return misfit("the state of sessions, where that of aligned windows is");
        }
        let counted = matches!(id.kind, SegmentKind::Counted(_));
        let calls = if counted { 0 } else { states.aggregates.len() };
        let in_step = segment.states.iter().all(|states| states.len() == segment.keys.len());
        if segment.states.len() != calls || versions.len() != states.aggregates.len() || !in_step {
            return misfit("states of other aggregate calls");
        }
        if let Some(changes) = &mut self.changes
            && states.has_other_versions(versions)
            && !counted
        {
            changes.outdate(id);
        }
        let mut slots = Vec::with_capacity(segment.keys.len());
        for index in 0..segment.keys.len() {
            let bytes = segment.keys.get(index);
            if !key::is_key(bytes, &self.key_types) {
                return misfit("a group with another key");
            }
            slots.extend(partition.put_back(id.kind, bytes, &self.slicing, states.slots));
        }
        debug_assert_eq!(slots.len(), if counted { 0 } else { segment.keys.len() }, "one slot a state");
        Ok(states.restore(versions, &slots, &segment.states)?)
    }

    /// All segments are back: groups that no longer count are forgotten, as they were before.
    pub(super) fn end_restore(&mut self) {
        let lateness = self.retained.as_ref().map(|retained| &retained.lateness);
        self.partitions.values_mut().for_each(|partition| partition.end_restore(&self.slicing, lateness));
    }

    /// A segment is about to be sealed, with these groups and slots: what changed in it is taken down, where that is tracked and a
    /// window behind the one that closes needs it.
    fn note_sealed(
        changes: Option<&mut Changes>,
        id: FoldSegment,
        partition: &PartitionState,
        groups: impl Iterator<Item = (Group, u32)>,
        closing: &Closing,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        let Some(changes) = changes else { return Ok(()) };
        if id.kind.slice() < closing.first_needed {
            return Ok(());
        }
        let whole = changes.is_outdated(&id);
        let changed: GroupSlots = groups.filter(|&(_, slot)| whole || changes.is_touched(slot)).collect();
        let segments = segments(id, whole, partition, &changed, states)?;
        changes.seal(id, segments);
        Ok(())
    }
}

impl SealedSlices for Fold {
    fn first_slice(&self) -> Option<SliceNumber> {
        match &self.retained {
            None => self.partitions.values().filter_map(PartitionState::first_slice).min(),
            Some(retained) => self.first_slice_from(retained.slices_given),
        }
    }

    fn first_window(&self, slicing: &Slicing) -> Option<WindowNumber> {
        if let Some(retained) = &self.retained {
            let firsts =
                self.partitions.values().filter_map(|partition| retained.first_window(self, partition));
            return firsts.min();
        }
        let firsts = self.partitions.values().flat_map(|partition| {
            let window = partition.first_slice().map(|slice| slicing.first_window(slice));
            window.into_iter().chain(partition.first_late_window())
        });
        firsts.min()
    }

    fn seal_slice(
        &mut self,
        slice: SliceNumber,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        if self.retained.is_some() {
            return self.copy_slice(slice, states, take);
        }
        for (&which, partition) in &mut self.partitions {
            let Some(sealed) = partition.seal(slice) else { continue };
            let id = FoldSegment { partition: which, kind: SegmentKind::Slice(slice) };
            Self::note_sealed(self.changes.as_mut(), id, partition, sealed.groups(), closing, states)?;
            give_away(id, partition, &sealed.groups().collect::<GroupSlots>(), states, take)?;
        }
        Ok(())
    }

    fn seal_late(
        &mut self,
        closing: &Closing,
        states: &mut States<'_>,
        take: &mut TakeSealed<'_>,
    ) -> Result<(), Fault> {
        if let Some(retained) = self.retained {
            return self.copy_late(&retained, closing, states, take);
        }
        for (&which, partition) in &mut self.partitions {
            for (id, groups) in late(which, partition, |late| late.point.window <= closing.window) {
                let changes = self.changes.as_mut();
                Self::note_sealed(changes, id, partition, groups.iter().copied(), closing, states)?;
                partition.seal_late(id.kind, &groups);
                give_away(id, partition, &groups, states, take)?;
            }
        }
        Ok(())
    }
}

/// Gives sealed groups away, some at a time.
fn give_away(
    id: FoldSegment,
    partition: &mut PartitionState,
    groups: &[(Group, u32)],
    states: &mut States<'_>,
    take: &mut TakeSealed<'_>,
) -> Result<(), Fault> {
    for groups in groups.chunks(GROUPS_MAX) {
        let keys = keys(partition, groups.iter().map(|&(group, _)| group));
        let slots = SealedStates::Slots(groups.iter().map(|&(_, slot)| slot).collect());
        take(SealedSlice { partition: id.partition, kind: id.kind, keys, states: slots }, states)?;
        groups.iter().for_each(|&(group, _)| partition.release_group(group));
    }
    Ok(())
}

/// Groups of a segment with their states.
fn segments(
    id: FoldSegment,
    whole: bool,
    partition: &PartitionState,
    groups: &[(Group, u32)],
    states: &mut States<'_>,
) -> Result<Vec<StateSegment>, Fault> {
    let mut segments = Vec::new();
    for (index, groups) in groups.chunks(GROUPS_MAX).enumerate() {
        let slots: Vec<u32> = groups.iter().map(|&(_, slot)| slot).collect();
        segments.push(StateSegment {
            id: SegmentId::Fold(id),
            whole: whole && index == 0,
            keys: keys(partition, groups.iter().map(|&(group, _)| group)),
            states: states.snapshot(&slots)?,
        });
    }
    Ok(segments)
}
