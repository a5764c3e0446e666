//! The sessions that are not closed, of all groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        dense::{Dense, NONE},
        group::{Group, Groups, Key},
    },
    rules::{Chain, Rules},
};

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) group: Group,
    /// Where its chain began or was last cut.
    pub(super) chain: Chain,
    /// Its first event.
    pub(super) first: i64,
    /// Its accumulator; none where it was given out and only its chain goes on.
    pub(super) slot: u32,
    /// Whether its chain began where all events are known to have been read.
    pub(super) is_whole: bool,
    /// Whether a capture has it.
    pub(super) is_captured: bool,
}

/// All sessions that are not closed.
#[derive(Debug)]
pub(super) struct OpenSessions {
    rules: Rules,
    pub(super) groups: Groups,
    /// By group: how many sessions it has here.
    held: Dense<u32>,
    /// The last session of each group, which may go on.
    open: BTreeMap<Group, Session>,
    /// Those of which it is not known that they go on, by their ends.
    ends: BTreeSet<(i64, Group)>,
    /// Those that do not go on, by their ends and first events.
    finished: BTreeMap<(i64, i64, Group), Session>,
    /// What changed since the last capture: first events and keys.
    changed: Option<BTreeSet<(i64, Vec<u8>)>>,
}

impl OpenSessions {
    /// None yet.
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            groups: Groups::default(),
            held: Dense::new(0),
            open: BTreeMap::new(),
            ends: BTreeSet::new(),
            finished: BTreeMap::new(),
            changed: None,
        }
    }

    /// From now on what changes is remembered.
    pub(super) fn track_changes(&mut self) {
        self.changed.get_or_insert_default();
    }

    /// What changed since the last call.
    pub(super) fn take_changed(&mut self) -> BTreeSet<(i64, Vec<u8>)> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note(&mut self, session: &Session) {
        if let Some(changed) = &mut self.changed {
            changed.insert((session.first, self.groups.key(session.group).to_vec()));
        }
    }

    /// A session is gone: a capture has to say so if one before it has it. So what is remembered is bounded by the sessions that are
    /// open, and those that were at the last capture.
    fn note_gone(&mut self, session: &Session) {
        if let Some(changed) = &mut self.changed {
            let place = (session.first, self.groups.key(session.group).to_vec());
            match session.is_captured {
                true => changed.insert(place),
                false => changed.remove(&place),
            };
        }
    }

    /// All sessions were captured.
    pub(super) fn set_captured(&mut self) {
        self.open
            .values_mut()
            .chain(self.finished.values_mut())
            .for_each(|session| session.is_captured = true);
    }

    /// The number of a group.
    pub(super) fn group(&mut self, key: &[u8]) -> Group {
        self.groups.find_or_add(Key::of(key))
    }

    /// The last session of a group.
    pub(super) fn open(&self, group: Group) -> Option<&Session> {
        self.open.get(&group)
    }

    /// The same, by the group's key.
    pub(super) fn open_of(&self, key: Key<'_>) -> Option<&Session> {
        self.open.get(&self.groups.find(key)?)
    }

    /// The earliest start or cut of the chains that may go on; none where there are none.
    pub(super) fn first_anchor(&self) -> Option<i64> {
        self.open.values().map(|session| session.chain.anchor).min()
    }

    /// A session begins, behind the last one of its group, which does not go on.
    pub(super) fn begin(&mut self, session: Session) {
        self.note(&session);
        *self.held.at(session.group.0) += 1;
        self.ends.insert((self.rules.end(session.chain.last), session.group));
        if let Some(before) = self.open.insert(session.group, session) {
            self.ends.remove(&(self.rules.end(before.chain.last), before.group));
            if before.slot == NONE {
                self.note_gone(&before);
                self.drop_held(&before);
            } else {
                self.note(&before);
                self.finished.insert(Self::place(&self.rules, &before), before);
            }
        }
    }

    /// The last session of a group has events more, up to a time.
    pub(super) fn extend(&mut self, group: Group, last: i64) {
        let Some(session) = self.open.get_mut(&group) else { unreachable!("it was found") };
        self.ends.remove(&(self.rules.end(session.chain.last), group));
        session.chain.last = last;
        let session = *session;
        self.ends.insert((self.rules.end(last), group));
        self.note(&session);
    }

    /// The last session of a group goes on, as events show that were not taken yet.
    pub(super) fn wait(&mut self, session: &Session) {
        self.ends.remove(&(self.rules.end(session.chain.last), session.group));
    }

    /// The last session of a group is taken, and its chain goes on behind a cut.
    pub(super) fn carry(&mut self, session: &Session, anchor: i64) {
        self.wait(session);
        self.note(session);
        *self.held.at(session.group.0) += 1;
        if let Some(open) = self.open.get_mut(&session.group) {
            open.slot = NONE;
            open.chain.anchor = anchor;
        }
    }

    /// The end of the session that ends first, of those of which it is not known that they go on.
    pub(super) fn first_end(&self) -> Option<i64> {
        let open = self.ends.first().map(|&(end, _)| end);
        let finished = self.finished.first_key_value().map(|(&(end, ..), _)| end);
        open.into_iter().chain(finished).min()
    }

    /// The sessions that end at a time and may go on.
    pub(super) fn ending(&self, end: i64) -> Vec<Session> {
        let range = self.ends.range((end, Group(0))..=(end, Group::NONE));
        range.filter_map(|(_, group)| self.open.get(group).copied()).collect()
    }

    /// Takes the sessions that end at a time and do not go on.
    pub(super) fn take_finished(&mut self, end: i64) -> Vec<Session> {
        let mut taken = Vec::new();
        while let Some(first) = self.finished.first_entry().filter(|first| first.key().0 == end) {
            taken.push(first.remove());
        }
        taken
    }

    /// Takes a session that may have gone on and did not.
    pub(super) fn take_open(&mut self, session: &Session) {
        self.wait(session);
        self.open.remove(&session.group);
    }

    /// A session that was taken is closed.
    pub(super) fn close(&mut self, session: &Session) {
        let goes_on = self.open.get(&session.group).is_some_and(|open| open.first == session.first);
        if !goes_on {
            self.note_gone(session);
        }
        self.drop_held(session);
    }

    fn drop_held(&mut self, session: &Session) {
        let held = self.held.at(session.group.0);
        *held -= 1;
        if *held == 0 {
            self.groups.remove(session.group);
        }
    }

    /// All sessions, and whether each of them is finished.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Session, bool)> {
        let open = self.open.values().map(|session| (session, false));
        open.chain(self.finished.values().map(|session| (session, true)))
    }

    /// The ends of the sessions that do not go on.
    pub(super) fn finished_ends(&self) -> impl Iterator<Item = i64> + '_ {
        self.finished.keys().map(|&(end, ..)| end)
    }

    /// Puts a session back that was captured.
    pub(super) fn put_back(&mut self, session: Session, is_finished: bool) {
        *self.held.at(session.group.0) += 1;
        if is_finished {
            self.finished.insert(Self::place(&self.rules, &session), session);
            return;
        }
        if session.slot != NONE {
            self.ends.insert((self.rules.end(session.chain.last), session.group));
        }
        self.open.insert(session.group, session);
    }

    fn place(rules: &Rules, session: &Session) -> (i64, i64, Group) {
        (rules.end(session.chain.last), session.first, session.group)
    }
}
