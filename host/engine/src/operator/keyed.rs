//! What an operator keeps of each group.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_common::column::{Column, DataType, Texts};

use super::shard_of;
use crate::{
    group::{Group, Groups, Key, Keys},
    key,
    sealed::GROUPS_MAX,
    segment::{OperatorSegment, RestoreError, SegmentId, StateSegment},
};

/// What is kept of one group, as bytes and back.
pub(super) trait GroupState: Default {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);

    /// From bytes that [`GroupState::write`] gave; none where they are not.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// States by group, up to a number of groups.
#[derive(Debug)]
pub(super) struct KeyedStates<S> {
    operator: u64,
    key_types: Vec<DataType>,
    groups_max: usize,
    groups: Groups,
    /// By group. Groups are never removed, so they have the numbers from 0 on.
    states: Vec<Entry<S>>,
}

#[derive(Debug)]
struct Entry<S> {
    state: S,
    shard: u32,
    /// Since the last capture.
    changed: bool,
}

impl<S: GroupState> KeyedStates<S> {
    pub(super) fn new(operator: u64, key_types: Vec<DataType>, groups_max: usize) -> Self {
        Self { operator, key_types, groups_max, groups: Groups::default(), states: Vec::new() }
    }

    /// Visits the states of rows' groups, to be changed; a row of a new group beyond the limit has none.
    pub(super) fn visit(&mut self, keys: &[&Column], len: usize, mut row: impl FnMut(usize, Option<&mut S>)) {
        let (keys, mut room) = (Keys::new(keys), Vec::new());
        for index in 0..len {
            let group = self.find_or_add(keys.get(index, &mut room), self.groups_max);
            let entry = group.and_then(|group| self.states.get_mut(group.0 as usize));
            row(
                index,
                entry.map(|entry| {
                    entry.changed = true;
                    &mut entry.state
                }),
            );
        }
    }

    fn find_or_add(&mut self, key: Key<'_>, groups_max: usize) -> Option<Group> {
        if let Some(group) = self.groups.find(key) {
            return Some(group);
        }
        if self.groups.len() >= groups_max {
            return None;
        }
        let group = self.groups.find_or_add(key);
        debug_assert_eq!(group.0 as usize, self.states.len(), "groups are never removed");
        let shard = shard_of(self.groups.key(group));
        self.states.push(Entry { state: S::default(), shard, changed: true });
        Some(group)
    }

    /// See [`Operator::snapshot`](super::Operator::snapshot).
    pub(super) fn snapshot(
        &mut self,
        whole: &BTreeSet<SegmentId>,
    ) -> (Vec<StateSegment>, BTreeSet<SegmentId>) {
        let mut kept: BTreeMap<u32, Vec<Group>> = BTreeMap::new();
        let operator = self.operator;
        let id = |shard| SegmentId::Operator(OperatorSegment { operator, shard });
        for (group, entry) in (0..).map(Group).zip(&mut self.states) {
            let changed = kept.entry(entry.shard).or_default();
            if std::mem::take(&mut entry.changed) || whole.contains(&id(entry.shard)) {
                changed.push(group);
            }
        }
        let mut segments = Vec::new();
        for (&shard, groups) in &kept {
            for (index, groups) in groups.chunks(GROUPS_MAX).enumerate() {
                let (mut keys, mut states, mut bytes) = (Texts::default(), Texts::default(), Vec::new());
                for &group in groups {
                    let Some(entry) = self.states.get(group.0 as usize) else { unreachable!("it was there") };
                    bytes.clear();
                    entry.state.write(&mut bytes);
                    keys.push(self.groups.key(group));
                    states.push(&bytes);
                }
                let id = id(shard);
                let is_whole = index == 0 && whole.contains(&id);
                segments.push(StateSegment { id, whole: is_whole, keys, states: vec![states] });
            }
        }
        (segments, kept.into_keys().map(id).collect())
    }

    /// See [`Operator::put_back`](super::Operator::put_back).
    pub(super) fn put_back(&mut self, segment: &StateSegment) -> Result<(), RestoreError> {
        let misfit = |what: &str| Err(RestoreError::Misfit(format!("a part of an operator's has {what}")));
        let SegmentId::Operator(OperatorSegment { operator, shard }) = segment.id else {
            return misfit("rows of a partition");
        };
        if operator != self.operator {
            return misfit("the state of another operator");
        }
        let [states] = segment.states.as_slice() else { return misfit("states of an aggregate call") };
        if states.len() != segment.keys.len() {
            return misfit("another number of states than of groups");
        }
        for index in 0..segment.keys.len() {
            let bytes = segment.keys.get(index);
            if !key::is_key(bytes, &self.key_types) || shard_of(bytes) != shard {
                return misfit("a group with another key");
            }
            let Some(state) = S::read(states.get(index)) else {
                return misfit("a state that it cannot read");
            };
            // A limit that was lowered since does not forget what is known.
            let Some(group) = self.find_or_add(Key::of(bytes), usize::MAX) else { unreachable!("no limit") };
            let Some(entry) = self.states.get_mut(group.0 as usize) else { unreachable!("found or added") };
            (entry.state, entry.changed) = (state, false);
        }
        Ok(())
    }
}
