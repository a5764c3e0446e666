//! A log in a bucket: each sync puts one numbered object. Who creates a number has it; who finds it taken is fenced.
//!
//! An owner begins with an object without entries, so the one before it finds its next number taken. That object is never
//! removed: it fences its predecessor however late that one wakes up.
//!
//! A bucket does not lose objects, so nothing here would notice that somebody deleted the last ones, if no checkpoint stands
//! behind them. (In a directory the segment before says that there is another.)

use std::{collections::VecDeque, io};

use bytes::Bytes;
use streamgauge_common::crash;

use super::{
    Entry, Found,
    entry::{self, Found as Place},
};
use crate::{
    error::{HELP, StateError},
    header::{HEADER_BYTES, Header, Kind},
    store::Store,
};

/// How often an owner that is alive may be quicker before the new one gives up.
const OPENINGS_MAX: u32 = 16;
/// How many objects are held at the same time beside their entries.
const READS: usize = 64;

/// An object: its number and the index of its first entry, as its name says, and whether it is an opening, which has no entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    number: u64,
    first: u64,
    is_opening: bool,
}

impl Group {
    fn name(self) -> String {
        format!("log-{:020}-{:020}", self.number, self.first)
    }

    fn of(name: &str, size: u64) -> Option<Self> {
        let (number, first) = name.strip_prefix("log-")?.split_once('-')?;
        let is_opening = size == HEADER_BYTES as u64;
        let group = Self { number: number.parse().ok()?, first: first.parse().ok()?, is_opening };
        (group.name() == name).then_some(group)
    }
}

/// The objects of a log.
pub(super) struct Objects {
    store: Store,
    identity: u128,
    /// A random number, so that an object says which owner made it.
    owner: u64,
    /// All objects, ascending.
    groups: VecDeque<Group>,
}

impl Objects {
    /// Takes the log over: from now on every other owner is fenced at its next sync.
    pub(super) fn open(store: &Store, identity: u128) -> Result<(Self, Found), StateError> {
        let owner = getrandom::u64()
            .map_err(|cause| StateError::file("ask for", "a random number")(io::Error::other(cause)))?;
        for attempt in 1.. {
            let mut notices = Vec::new();
            let groups = list(store, &mut notices)?;
            let is_new = groups.is_empty();
            let mut log = Self { store: store.clone(), identity, owner, groups };
            let next = match log.groups.back() {
                None => 1,
                Some(last) => last.first + log.read(&[*last], None)?.len() as u64,
            };
            match log.put(next, Vec::new()) {
                Err(StateError::Fenced { .. }) if attempt < OPENINGS_MAX => {}
                put => {
                    let epoch = log.groups.back().map_or(0, |own| own.number);
                    return put.map(|()| (log, Found { notices, next, epoch, is_new }));
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// The entries from an index on of a log that stays as it is: nobody is fenced.
    pub(super) fn look(store: &Store, identity: u128, from: u64) -> Result<Vec<Entry>, StateError> {
        let groups = list(store, &mut Vec::new())?;
        let log = Self { store: store.clone(), identity, owner: 0, groups };
        let end = match log.groups.back() {
            None => 1,
            Some(last) => last.first + log.read(&[*last], None)?.len() as u64,
        };
        match from <= end {
            true => log.entries(from, end),
            false => Err(log.missing(end, from)),
        }
    }

    /// The entries from an index on, up to before `end`.
    pub(super) fn entries(&self, from: u64, end: u64) -> Result<Vec<Entry>, StateError> {
        if from == end {
            return Ok(Vec::new());
        }
        let start = self.groups.iter().rposition(|group| group.first <= from);
        let start =
            start.ok_or_else(|| self.missing(from, self.groups.front().map_or(end, |group| group.first)))?;
        let groups = self.groups.iter().skip(start).take_while(|group| group.first < end);
        let mut entries = self.read(&groups.copied().collect::<Vec<_>>(), Some(end))?;
        entries.retain(|entry| entry.index >= from);
        Ok(entries)
    }

    /// The entries of objects one behind the other, which end before `end` if that is given.
    fn read(&self, groups: &[Group], end: Option<u64>) -> Result<Vec<Entry>, StateError> {
        let mut entries = Vec::new();
        let mut next = groups.first().map_or(1, |group| group.first);
        let mut number = groups.first().map_or(1, |group| group.number);
        for some in groups.chunks(READS) {
            let names: Vec<_> = some.iter().map(|group| group.name()).collect();
            for (group, bytes) in some.iter().zip(self.store.get_all(&names)?) {
                let Some(bytes) = bytes.filter(|_| (group.number, group.first) == (number, next)) else {
                    return Err(self.missing(next, group.first));
                };
                self.decode(*group, &bytes, &mut entries)?;
                (number, next) = (number + 1, entries.last().map_or(next, |entry: &Entry| entry.index + 1));
            }
        }
        match end {
            Some(end) if next != end => Err(self.missing(next, end)),
            _ => Ok(entries),
        }
    }

    fn decode(&self, group: Group, bytes: &[u8], entries: &mut Vec<Entry>) -> Result<(), StateError> {
        let file = self.store.shown_name(&group.name());
        let header = Header::decode(bytes, &file, Kind::Group, self.identity, group.number)?;
        header.check(bytes.get(HEADER_BYTES..).unwrap_or_default(), &file)?;
        let (mut at, mut index) = (HEADER_BYTES, header.first);
        if index != group.first {
            return Err(StateError::damaged(&file, 0, format!("it begins with entry {index} by its header")));
        }
        while at < bytes.len() {
            match entry::find(bytes, at, entry::seed(self.identity), index) {
                Place::Entry(payload) => {
                    at = entry::after(&payload);
                    entries.push(Entry { index, payload: bytes.get(payload).unwrap_or_default().to_vec() });
                    index += 1;
                }
                _ => return Err(StateError::damaged(&file, at as u64, "no entry stands there")),
            }
        }
        Ok(())
    }

    fn missing(&self, from: u64, end: u64) -> StateError {
        let what = format!("the log's entries from {from} to before {end}, or the order of its objects");
        StateError::Missing { folder: self.store.shown().to_owned(), what, help: HELP }
    }

    /// Puts encoded entries, the first of which has index `first`, under the next number.
    pub(super) fn put(&mut self, first: u64, entries: Vec<u8>) -> Result<(), StateError> {
        let number = self.groups.back().map_or(1, |last| last.number + 1);
        let group = Group { number, first, is_opening: entries.is_empty() };
        let header = Header { first, ..Header::of(Kind::Group, self.identity, self.owner, number, &entries) };
        let bytes = Bytes::from([header.encode(), entries].concat());
        self.store.put_own(&group.name(), &bytes).map_err(|error| match error {
            StateError::Exists { file } => StateError::Fenced { file },
            error => error,
        })?;
        self.groups.push_back(group);
        Ok(())
    }

    /// Removes objects that hold nothing from an index on, except for openings.
    pub(super) fn remove_below(&mut self, index: u64) -> Result<(), StateError> {
        let nexts = self.groups.iter().skip(1).map(|group| group.first);
        let (mut removed, mut kept) = (Vec::new(), VecDeque::new());
        for (group, next) in self.groups.iter().zip(nexts.map(Some).chain([None])) {
            match next {
                Some(next) if !group.is_opening && next <= index => removed.push(group.name()),
                _ => kept.push_back(*group),
            }
        }
        for names in removed.chunks(READS) {
            crash::point("log.remove");
            self.store.delete_all(names)?;
        }
        self.groups = kept;
        Ok(())
    }
}

/// The objects that are there, ascending.
fn list(store: &Store, notices: &mut Vec<String>) -> Result<VecDeque<Group>, StateError> {
    let mut groups = Vec::new();
    for (name, size) in store.list("log-")? {
        match Group::of(&name, size) {
            Some(group) => groups.push(group),
            None => notices
                .push(format!("{:?} is no part of the log and is passed over", store.shown_name(&name))),
        }
    }
    groups.sort_unstable();
    Ok(groups.into())
}
