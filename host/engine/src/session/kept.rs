//! What is captured of sessions, and put back.
//!
//! Cells that were not taken are captured as FOLD captures slices, with the times of each beside its states, and the accumulators of
//! their moments in segments of their own, by time and key. Sessions are captured by their first events and keys, in shards; of one that
//! is closed since, a capture says so by an entry without times.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_common::{
    column::Texts,
    partition::{Partition, SourceIndex},
};

use super::{
    super::{
        Fault, RestoreError,
        dense::NONE,
        fold::{Fold, Unsealed},
        group::Key,
        key,
        operator::shard_of,
        sealed::GROUPS_MAX,
        segment::{FoldSegment, SegmentId, SegmentKind, StateSegment},
        slice::SliceNumber,
        states::States,
    },
    Sessions,
    open::Session,
    rules::Chain,
    spans::Span,
};

/// What segments that were put back hold, as long as further ones may follow.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// By first event and key.
    sessions: BTreeMap<(i64, Vec<u8>), (Meta, u32)>,
    /// By time and key.
    moments: BTreeMap<(FoldSegment, i64, Vec<u8>), u32>,
    /// Accumulators of moments that their cells keep no more.
    pub(super) orphans: Vec<u32>,
}

/// What is kept of a session beside its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meta {
    chain: Chain,
    is_finished: bool,
    is_whole: bool,
    /// Whether it was given out, and only its chain goes on.
    is_given_out: bool,
}

/// A segment that is made.
struct Draft {
    id: FoldSegment,
    whole: bool,
    /// Keys, what stands beside the states, and slots; none where there are no states.
    entries: Vec<(Vec<u8>, Vec<u8>, Option<u32>)>,
}

/// What was captured: segments, and the names of all that belong to the state.
type Captured = (Vec<StateSegment>, BTreeSet<SegmentId>);

impl Meta {
    fn write(self) -> Vec<u8> {
        let mut bytes = self.chain.anchor.to_le_bytes().to_vec();
        bytes.extend(self.chain.last.to_le_bytes());
        let flags = [self.is_finished, self.is_whole, self.is_given_out];
        bytes.push((0..).zip(flags).map(|(bit, flag)| u8::from(flag) << bit).sum());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (anchor, rest) = time(bytes)?;
        let (last, flags) = time(rest)?;
        let &[flags @ 0..8] = flags else { return None };
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let chain = Chain { anchor, last };
        Some(Self { chain, is_finished: flag(0), is_whole: flag(1), is_given_out: flag(2) })
    }
}

/// A time in front of other bytes.
fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (time, rest) = bytes.split_first_chunk()?;
    Some((i64::from_le_bytes(*time), rest))
}

fn timed(time: i64, key: &[u8]) -> Vec<u8> {
    [&time.to_le_bytes(), key].concat()
}

/// `first`, `last`, and whether moments are kept.
fn write_span(Span { first, last }: Span, has_moments: bool) -> Vec<u8> {
    let mut bytes = first.to_le_bytes().to_vec();
    bytes.extend(last.to_le_bytes());
    bytes.push(u8::from(has_moments));
    bytes
}

fn read_span(bytes: &[u8]) -> Option<(Span, bool)> {
    let (first, rest) = time(bytes)?;
    let (last, flag) = time(rest)?;
    let &[flag @ 0..2] = flag else { return None };
    (first <= last).then_some((Span { first, last }, flag == 1))
}

/// The segment of the sessions of a shard.
fn shard(number: u32) -> FoldSegment {
    FoldSegment { partition: SourceIndex::FIRST.partition(number), kind: SegmentKind::Sessions }
}

impl Sessions {
    /// See `WindowQuery::snapshot`.
    pub(in super::super) fn snapshot(
        &mut self,
        fold: &mut Fold,
        whole: &BTreeSet<SegmentId>,
        states: &mut States<'_>,
    ) -> Result<Captured, Fault> {
        let mut drafts = self.moments(fold, whole);
        drafts.extend(self.sessions(fold, whole));
        let first = fold.first_unsealed().unwrap_or(SliceNumber::MAX);
        let (mut parts, mut kept) = fold.snapshot(first, whole, states)?;
        for part in &mut parts {
            if let SegmentId::Fold(FoldSegment { partition, kind: SegmentKind::Slice(slice) }) = part.id {
                part.states.push(self.spans_of(fold, partition, slice, &part.keys));
            }
        }
        for Draft { id, whole, entries } in drafts {
            kept.insert(SegmentId::Fold(id));
            for (index, entries) in entries.chunks(GROUPS_MAX).enumerate() {
                let whole = whole && index == 0;
                parts.push(segment(id, whole, entries, states)?);
            }
        }
        Ok((parts, kept))
    }

    fn spans_of(&self, fold: &Fold, partition: Partition, slice: SliceNumber, keys: &Texts) -> Texts {
        let mut spans = Texts::default();
        for index in 0..keys.len() {
            let Some(slot) = fold.slot_of(partition, slice, Key::of(keys.get(index))) else {
                unreachable!("it was captured")
            };
            spans.push(&write_span(self.spans.get(slot), self.spans.moments(slot).is_some()));
        }
        spans
    }

    /// The accumulators of moments that changed.
    fn moments(&self, fold: &Fold, whole: &BTreeSet<SegmentId>) -> Vec<Draft> {
        if !self.spans.has_moments() {
            return Vec::new();
        }
        let mut drafts: BTreeMap<FoldSegment, Draft> = BTreeMap::new();
        for Unsealed { partition, slice, key, slot } in fold.unsealed(SliceNumber::MAX) {
            let Some(moments) = self.spans.moments(slot) else { continue };
            let id = FoldSegment { partition, kind: SegmentKind::Moments(slice) };
            let whole = fold.is_whole(&id, whole);
            let draft = drafts.entry(id).or_insert_with(|| Draft { id, whole, entries: Vec::new() });
            let changed = moments.iter().filter(|(_, slot)| whole || fold.is_touched(**slot));
            draft.entries.extend(changed.map(|(&time, &slot)| (timed(time, key), Vec::new(), Some(slot))));
        }
        drafts.into_values().collect()
    }

    /// The sessions that changed, and those that are gone.
    fn sessions(&mut self, fold: &Fold, whole: &BTreeSet<SegmentId>) -> Vec<Draft> {
        let mut changed = self.open.take_changed();
        let mut drafts: BTreeMap<u32, Draft> = BTreeMap::new();
        for (session, is_finished) in self.open.all() {
            let key = self.open.groups.key(session.group);
            let number = shard_of(key);
            let id = shard(number);
            let whole = fold.is_whole(&id, whole);
            let draft = drafts.entry(number).or_insert_with(|| Draft { id, whole, entries: Vec::new() });
            if !changed.remove(&(session.first, key.to_vec())) && !whole {
                continue;
            }
            let Session { chain, is_whole, slot, .. } = *session;
            let meta = Meta { chain, is_finished, is_whole, is_given_out: slot == NONE };
            let slot = (slot != NONE).then_some(slot);
            draft.entries.push((timed(session.first, key), meta.write(), slot));
        }
        for (first, key) in changed {
            // Of a shard without sessions nothing is kept.
            if let Some(draft) = drafts.get_mut(&shard_of(&key)).filter(|draft| !draft.whole) {
                draft.entries.push((timed(first, &key), Vec::new(), None));
            }
        }
        self.open.set_captured();
        drafts.into_values().collect()
    }

    /// See `WindowQuery::put_back`.
    pub(in super::super) fn put_back(
        &mut self,
        fold: &mut Fold,
        segment: &StateSegment,
        versions: &[u32],
        states: &mut States<'_>,
    ) -> Result<(), RestoreError> {
        let SegmentId::Fold(id) = segment.id else { return Err(misfit("the state of an operator")) };
        match id.kind {
            SegmentKind::Slice(slice) => {
                let mut own = segment.clone();
                let spans = own.states.pop().filter(|spans| spans.len() == own.keys.len());
                let Some(spans) = spans else { return Err(misfit("a slice without times")) };
                fold.put_back(&own, versions, states)?;
                for index in 0..own.keys.len() {
                    let span = read_span(spans.get(index));
                    let slot = fold.slot_of(id.partition, slice, Key::of(own.keys.get(index)));
                    let Some(((span, has_moments), slot)) = span.zip(slot) else {
                        return Err(misfit("a slice with times that are none"));
                    };
                    self.put_span(slot, span, has_moments, states)?;
                }
                Ok(())
            }
            SegmentKind::Moments(_) => self.put_moments(fold, id, segment, versions, states),
            SegmentKind::Sessions => self.put_sessions(fold, id, segment, versions, states),
            SegmentKind::Counted(_) => fold.put_back(segment, versions, states),
            SegmentKind::Late { .. } | SegmentKind::LateForLast { .. } => {
                Err(misfit("events that were late for the first of several windows"))
            }
        }
    }

    fn put_span(
        &mut self,
        slot: u32,
        span: Span,
        has_moments: bool,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        self.spans.set(slot, span);
        match has_moments {
            true => self.spans.track(slot),
            false => {
                let forgotten = self.spans.forget_moments(slot).unwrap_or_default();
                states.release(&forgotten.into_values().collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    fn put_moments(
        &mut self,
        fold: &mut Fold,
        id: FoldSegment,
        segment: &StateSegment,
        versions: &[u32],
        states: &mut States<'_>,
    ) -> Result<(), RestoreError> {
        let mut slots = Vec::new();
        for row in 0..segment.keys.len() {
            let moment = time(segment.keys.get(row)).filter(|(_, key)| key::is_key(key, &self.key_types));
            let Some((time, key)) = moment else { return Err(misfit("a moment without a time")) };
            let place = (id, time, key.to_vec());
            slots.push(*self.restoring.moments.entry(place).or_insert_with(|| states.slots.take()));
        }
        fold.outdate(id, versions, states);
        let rows: Vec<usize> = (0..segment.keys.len()).collect();
        restore(segment, &rows, &slots, versions, states)
    }

    fn put_sessions(
        &mut self,
        fold: &mut Fold,
        id: FoldSegment,
        segment: &StateSegment,
        versions: &[u32],
        states: &mut States<'_>,
    ) -> Result<(), RestoreError> {
        let (metas, calls) = match segment.states.split_last() {
            Some((metas, calls)) if metas.len() == segment.keys.len() => (metas, calls.to_vec()),
            _ => return Err(misfit("sessions without times")),
        };
        let (mut rows, mut slots, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..segment.keys.len() {
            let place = time(segment.keys.get(row)).filter(|(_, key)| key::is_key(key, &self.key_types));
            let Some((first, key)) = place else { return Err(misfit("a session with another key")) };
            let place = (first, key.to_vec());
            let before =
                self.restoring.sessions.remove(&place).map(|(_, slot)| slot).filter(|&slot| slot != NONE);
            if metas.get(row).is_empty() {
                gone.extend(before);
                continue;
            }
            let Some(meta) = Meta::read(metas.get(row)) else {
                return Err(misfit("a session with times that are none"));
            };
            let slot = match meta.is_given_out {
                true => {
                    gone.extend(before);
                    NONE
                }
                false => before.unwrap_or_else(|| states.slots.take()),
            };
            if slot != NONE {
                rows.push(row);
                slots.push(slot);
            }
            self.restoring.sessions.insert(place, (meta, slot));
        }
        states.release(&gone)?;
        fold.outdate(id, versions, states);
        restore(&StateSegment { states: calls, ..segment.clone() }, &rows, &slots, versions, states)
    }

    /// All segments are back.
    pub(in super::super) fn end_restore(&mut self, fold: &Fold) {
        for ((id, time, key), moment) in std::mem::take(&mut self.restoring.moments) {
            let slot = fold.slot_of(id.partition, id.kind.slice(), Key::of(&key));
            if !slot.is_some_and(|slot| self.spans.put_moment(slot, time, moment)) {
                self.restoring.orphans.push(moment);
            }
        }
        for ((first, key), (meta, slot)) in std::mem::take(&mut self.restoring.sessions) {
            let Meta { chain, is_finished, is_whole, .. } = meta;
            let group = self.open.group(&key);
            self.open
                .put_back(Session { group, chain, first, slot, is_whole, is_captured: true }, is_finished);
        }
    }
}

fn misfit(what: &str) -> RestoreError {
    RestoreError::Misfit(format!("a part of it has {what}"))
}

/// A segment of entries; those without a slot have empty states.
fn segment(
    id: FoldSegment,
    whole: bool,
    entries: &[(Vec<u8>, Vec<u8>, Option<u32>)],
    states: &mut States<'_>,
) -> Result<StateSegment, Fault> {
    let slots: Vec<u32> = entries.iter().filter_map(|(.., slot)| *slot).collect();
    let captured = match slots.is_empty() {
        true => vec![Texts::default(); states.aggregates.len()],
        false => states.snapshot(&slots)?,
    };
    let (mut keys, mut metas) = (Texts::default(), Texts::default());
    for (key, meta, _) in entries {
        keys.push(key);
        metas.push(meta);
    }
    let spread = |captured: &Texts| {
        let (mut all, mut next) = (Texts::default(), 0);
        for (.., slot) in entries {
            match slot {
                None => all.push(&[]),
                Some(_) => {
                    all.push(captured.get(next));
                    next += 1;
                }
            }
        }
        all
    };
    let mut lists: Vec<Texts> = captured.iter().map(spread).collect();
    lists.extend((id.kind == SegmentKind::Sessions).then_some(metas));
    Ok(StateSegment { id: SegmentId::Fold(id), whole, keys, states: lists })
}

/// Puts the states of some rows of a segment into slots.
fn restore(
    segment: &StateSegment,
    rows: &[usize],
    slots: &[u32],
    versions: &[u32],
    states: &mut States<'_>,
) -> Result<(), RestoreError> {
    let in_step = segment.states.iter().all(|states| states.len() == segment.keys.len());
    let calls = states.aggregates.len();
    if segment.states.len() != calls || versions.len() != calls || !in_step {
        return Err(misfit("states of other aggregate calls"));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let taken = segment.states.iter().map(|states| {
        let mut taken = Texts::default();
        rows.iter().for_each(|&row| taken.push(states.get(row)));
        taken
    });
    let taken: Vec<Texts> = taken.collect();
    Ok(states.restore(versions, slots, &taken)?)
}
