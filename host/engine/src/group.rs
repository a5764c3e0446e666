//! Step 3: keys to small numbers, and back.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use streamgauge_common::column::{Column, Texts, Values};

use super::{dense::NONE, key, slot::SlotAllocator};

/// Seeds the hash: any number will do, and nothing that is seen depends on it.
const SEED: u64 = 0x5147;
/// Bytes of keys that are gone before the rest is moved together.
const GARBAGE_MIN: usize = 1 << 16;

/// The keys of a batch.
#[derive(Clone, Copy)]
pub(super) enum Keys<'a> {
    /// One text without NULL: its bytes are in place already.
    Text(&'a Texts),
    /// Anything else is encoded row by row.
    Columns(&'a [&'a Column]),
}

impl<'a> Keys<'a> {
    pub(super) fn new(columns: &'a [&'a Column]) -> Self {
        match columns {
            [Column { values: Values::Text(texts), valid: None }] => Self::Text(texts),
            _ => Self::Columns(columns),
        }
    }

    /// The key of a row, encoded in `room` where that is needed.
    #[inline]
    pub(super) fn get<'k>(&self, row: usize, room: &'k mut Vec<u8>) -> Key<'k>
    where
        'a: 'k,
    {
        match self {
            Self::Text(texts) => Key::new(0, texts.get(row)),
            Self::Columns(columns) => {
                room.clear();
                key::encode(columns, row, room);
                Key::of(room)
            }
        }
    }
}

/// A key's bytes. The first says only whether the first part is NULL, so a text need not be copied to stand behind it.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    first: u8,
    rest: &'a [u8],
    /// Of the rest.
    hash: u64,
}

impl<'a> Key<'a> {
    #[inline]
    fn new(first: u8, rest: &'a [u8]) -> Self {
        let mut hasher = FixedState::with_seed(SEED).build_hasher();
        hasher.write(rest);
        Self { first, rest, hash: hasher.finish() }
    }

    /// Of encoded bytes; a key without parts has none.
    #[inline]
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (&first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        Self::new(first, rest)
    }
}

/// The number of a key, among the keys of one partition, of CLOSE or of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group(pub(super) u32);

impl Group {
    /// "No group" where groups are stored.
    pub(super) const NONE: Self = Self(NONE);
}

/// Keys with their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    table: HashTable<Group>,
    numbers: SlotAllocator,
    places: Vec<KeyPlace>,
    /// The keys of all groups, one behind the other, in no order and with holes.
    bytes: Vec<u8>,
    garbage: usize,
}

/// Where a group's key is.
#[derive(Clone, Copy, Debug, Default)]
struct KeyPlace {
    hash: u64,
    start: usize,
    len: u32,
}

impl Groups {
    /// The number of a key.
    #[inline]
    pub(super) fn find(&self, key: Key<'_>) -> Option<Group> {
        let is_it = |&group: &Group| match self.key(group) {
            [first, rest @ ..] => *first == key.first && rest == key.rest,
            [] => false,
        };
        self.table.find(key.hash, is_it).copied()
    }

    /// The number of a key, a new one where there is none.
    pub(super) fn find_or_add(&mut self, key: Key<'_>) -> Group {
        if let Some(group) = self.find(key) {
            return group;
        }
        let group = Group(self.numbers.take());
        let place = KeyPlace { hash: key.hash, start: self.bytes.len(), len: key.rest.len() as u32 + 1 };
        self.bytes.push(key.first);
        self.bytes.extend_from_slice(key.rest);
        if self.places.len() <= group.0 as usize {
            self.places.resize(group.0 as usize + 1, KeyPlace::default());
        }
        if let Some(free) = self.places.get_mut(group.0 as usize) {
            *free = place;
        }
        let places = &self.places;
        self.table.insert_unique(place.hash, group, |&group| place_of(places, group).hash);
        group
    }

    /// The encoded key of a group; a key without parts is one byte all the same.
    #[inline]
    pub(super) fn key(&self, group: Group) -> &[u8] {
        let place = place_of(&self.places, group);
        self.bytes.get(place.start..place.start + place.len as usize).unwrap_or_default()
    }

    /// Forgets a group; its number is free.
    pub(super) fn remove(&mut self, group: Group) {
        let place = place_of(&self.places, group);
        match self.table.find_entry(place.hash, |&other| other == group) {
            Ok(entry) => entry.remove(),
            Err(_) => unreachable!("group {} is not there", group.0),
        };
        self.numbers.give_back(group.0);
        self.garbage += place.len as usize;
        if self.garbage > GARBAGE_MIN.max(self.bytes.len() / 2) {
            self.close_holes();
        }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    fn close_holes(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.garbage);
        for &group in &self.table {
            let Some(place) = self.places.get_mut(group.0 as usize) else { continue };
            let start = bytes.len();
            bytes.extend_from_slice(
                self.bytes.get(place.start..place.start + place.len as usize).unwrap_or_default(),
            );
            place.start = start;
        }
        self.bytes = bytes;
        self.garbage = 0;
    }
}

#[inline]
fn place_of(places: &[KeyPlace], group: Group) -> KeyPlace {
    places.get(group.0 as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_common::column::{DataType, Value};

    fn texts(values: &[Option<&str>]) -> Column {
        let mut column = Column::empty(DataType::Text);
        for value in values {
            column.push(&value.map_or(Value::Null, |value| Value::Text(value.into())));
        }
        column
    }

    #[test]
    fn the_fast_way_and_the_general_way_name_the_same_groups() {
        let (plain, nulls) = (texts(&[Some("a"), Some("")]), texts(&[Some("a"), Some(""), None]));
        let (plain, nulls) = ([&plain], [&nulls]);
        assert!(matches!(Keys::new(&plain), Keys::Text(_)));
        let (plain, nulls) = (Keys::new(&plain), Keys::new(&nulls));
        let (mut groups, mut room) = (Groups::default(), Vec::new());
        assert_eq!(
            (0..2).map(|row| groups.find_or_add(plain.get(row, &mut room)).0).collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(
            (0..3).map(|row| groups.find_or_add(nulls.get(row, &mut room)).0).collect::<Vec<_>>(),
            [0, 1, 2]
        );
        assert_eq!([0, 1, 2].map(|group| groups.key(Group(group))), [&b"\0a"[..], &b"\0"[..], &b"\x01"[..]]);
    }

    #[test]
    fn no_key_is_one_group() {
        let (mut groups, mut room) = (Groups::default(), Vec::new());
        assert_eq!(groups.find_or_add(Keys::new(&[]).get(0, &mut room)), Group(0));
        assert_eq!(groups.find(Keys::new(&[]).get(9, &mut room)), Some(Group(0)));
        groups.remove(Group(0));
        assert_eq!(groups.find(Keys::new(&[]).get(9, &mut room)), None);
    }

    #[test]
    fn groups_come_and_go_without_growing() {
        let mut groups = Groups::default();
        for round in 0..200u32 {
            let name = |index: u32| format!("\0a group's name {round} {index}");
            let added: Vec<Group> =
                (0..100).map(|index| groups.find_or_add(Key::of(name(index).as_bytes()))).collect();
            assert_eq!(added, (0..100).map(Group).collect::<Vec<_>>(), "numbers are used again");
            for &group in &added {
                assert_eq!(groups.key(group), name(group.0).as_bytes());
            }
            added.iter().for_each(|&group| groups.remove(group));
            assert_eq!(groups.len(), 0);
        }
        assert!(groups.bytes.len() <= 3 * GARBAGE_MIN, "{} bytes", groups.bytes.len());
    }
}
