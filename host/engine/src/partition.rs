//! Step 3: rows of one partition to slots; what FOLD keeps of one partition.
//!
//! A window is open for a row while the partition's own watermark, as the rows before it left it, has not reached the
//! window's end, and no idle partition let it close before. A row goes to its slice if the first window of the slice is
//! open, so that a slice never changes once one of its windows may have closed. If only later windows are open, it goes
//! to a *late accumulator* that names the first of them. If none is, the row is late.

mod late_slot;

use std::collections::{BTreeMap, VecDeque};

use streamgauge_common::column::Values;

use super::{
    FoldBatch, Folded,
    dense::{Dense, NONE},
    group::{Group, Groups, Key, Keys},
    late::LateRow,
    lateness::{Lateness, Phase, RevisionPoint},
    limiter::GroupLimiter,
    segment::SegmentKind,
    slice::{SliceNumber, Slicing, TIME_MAX_US, TIME_MIN_US, WindowNumber},
    slot::SlotAllocator,
    watermark::{FOREVER, NEVER},
};

pub(super) use late_slot::Late;

/// The rows that were folded, and where.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) rows: Vec<u32>,
    pub(super) slots: Vec<u32>,
    /// Whether rows are here more than once.
    pub(super) repeats: bool,
    pub(super) folded: Folded,
}

/// What is the same for all partitions of a query.
pub(super) struct FoldContext<'a> {
    pub(super) slicing: &'a Slicing,
    pub(super) delay_us: i64,
    /// With ALLOW LATENESS.
    pub(super) lateness: Option<&'a Lateness>,
    pub(super) groups_max: usize,
    /// Slices before it are in no window that is emitted.
    pub(super) first_slice: SliceNumber,
    /// Windows that end at or before it are closed.
    pub(super) closed: i64,
    pub(super) slots: &'a mut SlotAllocator,
}

/// What is kept of a partition.
#[derive(Debug)]
pub(super) struct PartitionState {
    /// Its largest event time less the delay.
    pub(super) watermark: i64,
    groups: Groups,
    /// By group: how many slots it has here.
    held: Dense<u32>,
    limiter: GroupLimiter,
    /// Not yet sealed, ascending; with ALLOW LATENESS also those that a revision may need.
    slices: VecDeque<Slice>,
    late: BTreeMap<Late, u32>,
}

/// The groups of a slice.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) number: SliceNumber,
    start: i64,
    end: i64,
    /// The groups that are here, as they came.
    groups: Vec<Group>,
    /// By group.
    slots: Dense<u32>,
}

/// The slice of the row before, which is often that of the next.
struct Current {
    number: SliceNumber,
    start: i64,
    end: i64,
    /// The end of its first window: the slice is sealed when the watermark has reached it.
    sealed: i64,
    /// Whether an emitted window covers it.
    wanted: bool,
    /// Its place among the slices; past the end where it is not there yet.
    index: usize,
}

impl PartitionState {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            watermark: NEVER,
            groups: Groups::default(),
            held: Dense::new(0),
            limiter: GroupLimiter::new(),
            slices: VecDeque::new(),
            late: BTreeMap::new(),
        }
    }

    /// Finds the slots of a batch's rows.
    pub(super) fn place(&mut self, batch: &FoldBatch<'_>, context: &mut FoldContext<'_>) -> Placed {
        let (mut placed, mut room) = (Placed::default(), Vec::new());
        placed.rows.reserve(batch.times.len());
        placed.slots.reserve(batch.times.len());
        let keys = Keys::new(batch.keys);
        let known = self.known_groups(batch, keys, &mut room);
        let mut current = Current {
            number: SliceNumber::MIN,
            start: 0,
            end: 0,
            sealed: 0,
            wanted: false,
            index: usize::MAX,
        };
        let Values::Timestamp(times) = &batch.times.values else {
            unreachable!("the plan's time is a TIMESTAMP")
        };
        for ((row, &time), &known) in (0..).zip(times).zip(&known) {
            let index = row as usize;
            if !(TIME_MIN_US..=TIME_MAX_US).contains(&time) || !batch.times.is_valid(index) {
                placed.folded.out_of_range.push(row);
                continue;
            }
            if batch.keeps(index) {
                if time < current.start || current.end <= time {
                    current = self.slice_at(time, context);
                }
                let slot = match self.known_slot(&current, known, context) {
                    Some(slot) => Ok(slot),
                    None => {
                        self.other_slot(&mut current, keys.get(index, &mut room), context, &mut placed.folded)
                    }
                };
                match slot {
                    Ok(slot) => {
                        placed.rows.push(row);
                        placed.slots.push(slot);
                    }
                    Err(Unplaced::TooManyGroups) => placed.folded.rejected.push(row),
                    Err(Unplaced::Late) => {
                        placed.folded.late += 1;
                        placed.folded.late_rows.push(LateRow::new(
                            (row, time),
                            current.number,
                            self.watermark,
                            context,
                        ));
                    }
                    Err(Unplaced::Unwanted) => placed.folded.unwanted += 1,
                }
            }
            self.watermark = self.watermark.max(time.saturating_sub(context.delay_us));
        }
        self.expire(context.slicing, context.lateness);
        placed
    }

    /// The groups of a batch's rows as far as there are any before it. They are looked up in a loop of their own: so the
    /// processor waits for the memory of many at once.
    fn known_groups(&self, batch: &FoldBatch<'_>, keys: Keys<'_>, room: &mut Vec<u8>) -> Vec<Group> {
        let group = |row| match batch.keeps(row) {
            true => self.groups.find(keys.get(row, room)).unwrap_or(Group::NONE),
            false => Group::NONE,
        };
        (0..batch.times.len()).map(group).collect()
    }

    /// The slot of a row in time whose group has one in its slice.
    #[inline]
    fn known_slot(&self, current: &Current, group: Group, context: &FoldContext<'_>) -> Option<u32> {
        let slice = self.slices.get(current.index)?;
        let slot = slice.slots.get(group.0);
        (slot != NONE && current.sealed > self.watermark.max(context.closed)).then_some(slot)
    }

    /// The slot of any other row, given its slice and key.
    fn other_slot(
        &mut self,
        current: &mut Current,
        key: Key<'_>,
        context: &mut FoldContext<'_>,
        folded: &mut Folded,
    ) -> Result<u32, Unplaced> {
        let closed_upto = self.watermark.max(context.closed);
        if current.sealed <= closed_upto {
            return self.late_slot(current.number, closed_upto, key, context, folded);
        }
        if !current.wanted {
            return Err(Unplaced::Unwanted);
        }
        let group = self.admit(key, current.number, context)?;
        if current.index == usize::MAX {
            current.index = self.slice_index(current.number, current.start, current.end);
        }
        Ok(self.slot_in(current.index, group, context.slots))
    }

    /// The place of a slice among the slices, where it is put if it is not there.
    fn slice_index(&mut self, number: SliceNumber, start: i64, end: i64) -> usize {
        let index = self.slices.partition_point(|slice| slice.number < number);
        if self.slices.get(index).is_none_or(|slice| slice.number != number) {
            let slice = Slice { number, start, end, groups: Vec::new(), slots: Dense::new(NONE) };
            self.slices.insert(index, slice);
        }
        index
    }

    /// The slot of a group in the slice at a place.
    fn slot_in(&mut self, index: usize, group: Group, slots: &mut SlotAllocator) -> u32 {
        let Some(slice) = self.slices.get_mut(index) else { unreachable!("it was found or inserted") };
        let slot = slice.slots.at(group.0);
        if *slot == NONE {
            *slot = slots.take();
            slice.groups.push(group);
            *self.held.at(group.0) += 1;
        }
        *slot
    }

    /// The group of a row's key.
    fn admit(
        &mut self,
        key: Key<'_>,
        slice: SliceNumber,
        context: &FoldContext<'_>,
    ) -> Result<Group, Unplaced> {
        let known = self.groups.find(key);
        if !known.is_some_and(|group| self.limiter.counts(group))
            && self.limiter.counted() >= context.groups_max
        {
            self.limiter.expire(over_upto(self.watermark, context.lateness), context.slicing);
            if self.limiter.counted() >= context.groups_max {
                return Err(Unplaced::TooManyGroups);
            }
        }
        let group = known.unwrap_or_else(|| self.groups.find_or_add(key));
        self.limiter.see(group, slice);
        Ok(group)
    }

    /// The slice of a time.
    fn slice_at(&self, time: i64, context: &FoldContext<'_>) -> Current {
        let index = self.slices.partition_point(|slice| slice.end <= time);
        let (number, start, end, index) = match self.slices.get(index) {
            Some(slice) if slice.start <= time => (slice.number, slice.start, slice.end, index),
            _ => {
                let number = context.slicing.slice_of(time);
                let (start, end) = context.slicing.bounds(number);
                (number, start, end, usize::MAX)
            }
        };
        let sealed = context.slicing.end(context.slicing.first_window(number));
        Current { number, start, end, sealed, wanted: number >= context.first_slice, index }
    }

    /// Forgets groups that no longer count, as far as no slot names them. Not within a batch: their numbers are known.
    fn expire(&mut self, slicing: &Slicing, lateness: Option<&Lateness>) {
        self.limiter.expire(over_upto(self.watermark, lateness), slicing);
        for group in self.limiter.take_expired() {
            self.forget(group);
        }
    }

    fn forget(&mut self, group: Group) {
        if self.held.get(group.0) == 0 && !self.limiter.counts(group) {
            self.groups.remove(group);
        }
    }

    /// Expects no more rows.
    pub(super) fn end(&mut self, slicing: &Slicing, lateness: Option<&Lateness>) {
        self.complete(FOREVER, slicing, lateness);
    }

    /// Expects no more rows before a time.
    pub(super) fn complete(&mut self, time: i64, slicing: &Slicing, lateness: Option<&Lateness>) {
        self.watermark = self.watermark.max(time);
        self.expire(slicing, lateness);
    }

    /// The first slice that is not sealed.
    pub(super) fn first_slice(&self) -> Option<SliceNumber> {
        self.slices.front().map(|slice| slice.number)
    }

    /// The first slice that is not before one.
    pub(super) fn first_slice_from(&self, first: SliceNumber) -> Option<SliceNumber> {
        let index = self.slices.partition_point(|slice| slice.number < first);
        self.slices.get(index).map(|slice| slice.number)
    }

    /// A slice, if it is here.
    pub(super) fn slice(&self, number: SliceNumber) -> Option<&Slice> {
        let index = self.slices.partition_point(|slice| slice.number < number);
        self.slices.get(index).filter(|slice| slice.number == number)
    }

    /// The first window that a late accumulator waits for.
    pub(super) fn first_late_window(&self) -> Option<WindowNumber> {
        self.late.first_key_value().map(|(late, _)| late.point.window)
    }

    /// Gives a slice away if it is the first; its groups are released by [`PartitionState::release_group`].
    pub(super) fn seal(&mut self, number: SliceNumber) -> Option<Slice> {
        self.slices.pop_front_if(|slice| slice.number == number)
    }

    /// Gives the late accumulators of a place away; their groups are released by [`PartitionState::release_group`].
    pub(super) fn seal_late(&mut self, kind: SegmentKind, groups: &[(Group, u32)]) {
        for &(group, slot) in groups {
            let sealed = self.late.remove(&Late::of(kind, group));
            debug_assert_eq!(sealed, Some(slot), "it was there");
        }
    }

    /// The encoded key of a group.
    pub(super) fn key(&self, group: Group) -> &[u8] {
        self.groups.key(group)
    }

    /// The slot of a group in a slice that is not sealed.
    pub(super) fn slot_of(&self, slice: SliceNumber, key: Key<'_>) -> Option<u32> {
        Some(self.slice(slice)?.slot(self.groups.find(key)?)).filter(|&slot| slot != NONE)
    }

    /// The slices that are not sealed.
    pub(super) fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter()
    }

    /// The late accumulators behind those of a window, with their slots.
    pub(super) fn late_behind(&self, window: WindowNumber) -> impl Iterator<Item = (Late, u32)> + '_ {
        let first = RevisionPoint { window: window.next(), phase: Phase::LastRevision };
        let from = Late { point: first, slice: SliceNumber::MIN, group: Group(0) };
        self.late.range(from..).map(|(&late, &slot)| (late, slot))
    }

    /// The late accumulators that are not sealed, with their slots.
    pub(super) fn late(&self) -> impl Iterator<Item = (Late, u32)> + '_ {
        self.late.iter().map(|(&late, &slot)| (late, slot))
    }

    /// The groups that count although all windows of their newest slice, which is before `slice`, are closed.
    pub(super) fn counted_before(
        &self,
        slice: SliceNumber,
    ) -> impl Iterator<Item = (SliceNumber, Vec<Group>)> + '_ {
        self.limiter.before(slice)
    }

    /// A partition whose own watermark was captured; its groups follow.
    pub(super) fn restored(watermark: i64) -> Self {
        Self { watermark, ..Self::new() }
    }

    /// Puts a group back into a place, and gives it a slot; none where it only counts.
    pub(super) fn put_back(
        &mut self,
        kind: SegmentKind,
        key: &[u8],
        slicing: &Slicing,
        slots: &mut SlotAllocator,
    ) -> Option<u32> {
        let group = self.groups.find_or_add(Key::of(key));
        self.limiter.see(group, kind.slice());
        match kind {
            SegmentKind::Counted(_) | SegmentKind::Moments(_) | SegmentKind::Sessions => None,
            SegmentKind::Slice(number) => {
                let (start, end) = slicing.bounds(number);
                let index = self.slice_index(number, start, end);
                Some(self.slot_in(index, group, slots))
            }
            SegmentKind::Late { .. } | SegmentKind::LateForLast { .. } => {
                let held = &mut self.held;
                let slot = self.late.entry(Late::of(kind, group)).or_insert_with(|| {
                    *held.at(group.0) += 1;
                    slots.take()
                });
                Some(*slot)
            }
        }
    }

    /// All groups are back: those that no longer count are forgotten, as they were before.
    pub(super) fn end_restore(&mut self, slicing: &Slicing, lateness: Option<&Lateness>) {
        self.expire(slicing, lateness);
    }

    /// A slot of a group was given away.
    pub(super) fn release_group(&mut self, group: Group) {
        *self.held.at(group.0) -= 1;
        self.forget(group);
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }
}

/// The end of windows that take no more rows.
fn over_upto(watermark: i64, lateness: Option<&Lateness>) -> i64 {
    lateness.map_or(watermark, |lateness| lateness.over_upto(watermark))
}

/// Why a row has no slot.
enum Unplaced {
    Late,
    Unwanted,
    TooManyGroups,
}

impl Slice {
    /// The slot of one of its groups.
    fn slot(&self, group: Group) -> u32 {
        self.slots.get(group.0)
    }

    /// Its groups with their slots, as they came.
    pub(super) fn groups(&self) -> impl Iterator<Item = (Group, u32)> + '_ {
        self.groups.iter().map(|&group| (group, self.slot(group)))
    }
}
