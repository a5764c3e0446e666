//! Idempotency keys: what a row is called, the same after any crash, so that receivers drop repeats.

use sha2::{Digest as _, Sha256};
use streamgauge_common::{hexadecimal::hexadecimal, row::Identity};
use streamgauge_engine::encode_key;
use xxhash_rust::xxh3::xxh3_64;

/// The bytes of a key that are kept: 128 bits, so that no two rows share one.
const KEY_BYTES: usize = 16;

/// Makes the keys of one query's rows.
#[derive(Clone, Debug)]
pub struct Keys {
    /// What all of its keys begin with.
    begun: Sha256,
}

/// What a row is called, and with which others it stays in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The idempotency key: 32 hexadecimal digits.
    pub key: String,
    /// Rows of one group, or of one partition, share a lane.
    pub lane: u64,
}

impl Keys {
    /// Keys of a query. A timeline is one course of its rows: it changes when they get another meaning, never in a crash.
    pub fn new(timeline: u128, query: &str) -> Self {
        let mut begun = Sha256::new();
        begun.update(b"streamgauge row 1");
        begun.update(timeline.to_le_bytes());
        begun.update((query.len() as u64).to_le_bytes());
        begun.update(query.as_bytes());
        Self { begun }
    }

    /// The name of a row: of (timeline, query, window, group), with its revision where rows are revised, or of (timeline, query, partition, offset) for the first row of
    /// a record, with its place in the record for the others.
    pub fn name(&self, identity: &Identity, row: usize) -> Named {
        let mut hash = self.begun.clone();
        let lane = match identity {
            Identity::Window { start_us, end_us, keys, revisions, .. } => {
                let mut group = Vec::new();
                encode_key(&keys.iter().collect::<Vec<_>>(), row, &mut group);
                hash.update(b"w");
                hash.update(start_us.to_le_bytes());
                hash.update(end_us.to_le_bytes());
                hash.update(&group);
                // Without it where rows are not revised: these keys were given before there were revisions.
                if let Some(revision) = revisions.as_ref().and_then(|revisions| revisions.get(row)) {
                    hash.update(b"revision");
                    hash.update(revision.to_le_bytes());
                }
                xxh3_64(&group)
            }
            Identity::Records { partition, offsets, indexes } => {
                hash.update(b"r");
                let (number, source) = partition.to_kept();
                hash.update(number.to_le_bytes());
                source.iter().for_each(|source| hash.update(source.to_le_bytes()));
                hash.update(offsets.get(row).copied().unwrap_or_default().0.to_le_bytes());
                // Without it for the first row: these keys were given before records had several rows.
                if let Some(index @ 1..) = indexes.as_ref().and_then(|indexes| indexes.get(row)) {
                    hash.update(index.to_le_bytes());
                }
                u64::from(partition.source.0) << 32 | u64::from(partition.number)
            }
        };
        let digest = hash.finalize();
        let key = hexadecimal(digest.get(..KEY_BYTES).unwrap_or(&digest));
        Named { key, lane }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use streamgauge_common::{
        column::{Column, DataType, Value},
        offset::Offset,
        partition::{Partition, SourceIndex},
    };

    fn window(end_us: i64, forced: bool) -> Identity {
        let mut keys = Column::empty(DataType::Text);
        ["a", "b"].into_iter().for_each(|key| keys.push(&Value::Text(key.into())));
        Identity::Window { start_us: 0, end_us, forced, keys: vec![keys], revisions: None }
    }

    fn records(number: u32, offsets: &[i64], indexes: Option<Vec<u32>>) -> Identity {
        records_of(SourceIndex::FIRST.partition(number), offsets, indexes)
    }

    fn records_of(partition: Partition, offsets: &[i64], indexes: Option<Vec<u32>>) -> Identity {
        Identity::Records { partition, offsets: offsets.iter().copied().map(Offset).collect(), indexes }
    }

    #[test]
    fn the_first_row_of_a_record_has_the_records_name_and_the_others_their_own() {
        let keys = Keys::new(7, "latency");
        let several = records(3, &[60, 60, 60, 61], Some(vec![0, 1, 2, 0]));
        let names: Vec<String> = (0..4).map(|row| keys.name(&several, row).key).collect();
        // SHA-256 of what Keys::new and Keys::name say, by another program.
        assert_eq!(names[0], "e796146438dcdf815060792e531bbc18");
        assert_eq!(names[1], "e9c51c027abe87161ca45c54174b5d55");
        assert_eq!(names[0], keys.name(&records(3, &[60], None), 0).key);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(keys.name(&several.take(&[2, 3]), 0).key, names[2]);
        assert_eq!(keys.name(&several, 0).lane, keys.name(&several, 2).lane);
    }

    #[test]
    fn a_row_keeps_its_name_and_shares_it_with_no_other() {
        let keys = Keys::new(7, "latency");
        let name = |identity: &Identity, row| keys.name(identity, row).key;
        assert_eq!(
            name(&window(60, false), 0),
            name(&window(60, true), 0),
            "how it was closed does not matter"
        );
        let records = |partition, offset| records(partition, &[offset], None);
        let names = [
            name(&window(60, false), 0),
            name(&window(60, false), 1),
            name(&window(61, false), 0),
            name(&records(0, 60), 0),
            name(&records(1, 60), 0),
            name(&records(0, 61), 0),
            name(&records_of(SourceIndex(1).partition(0), &[60], None), 0),
            name(&records_of(SourceIndex(2).partition(0), &[60], None), 0),
            Keys::new(8, "latency").name(&window(60, false), 0).key,
            Keys::new(7, "latenc").name(&window(60, false), 0).key,
        ];
        assert!(
            names.iter().all(|name| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        );
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn each_revision_of_a_row_has_a_name_of_its_own() {
        let keys = Keys::new(7, "latency");
        let revised = |numbers: [u64; 2]| match window(60, false) {
            Identity::Window { start_us, end_us, forced, keys, .. } => {
                Identity::Window { start_us, end_us, forced, keys, revisions: Some(numbers.to_vec()) }
            }
            Identity::Records { .. } => panic!("of a window"),
        };
        let names: Vec<Named> = (0..3).map(|number| keys.name(&revised([number, 9]), 0)).collect();
        let distinct: BTreeSet<&str> = names.iter().map(|named| named.key.as_str()).collect();
        assert_eq!(distinct.len(), 3);
        assert!(!distinct.contains(keys.name(&window(60, false), 0).key.as_str()));
        assert!(names.iter().all(|named| named.lane == names[0].lane), "they stay in order");
        assert_eq!(keys.name(&revised([2, 0]).take(&[0]), 0).key, names[2].key);
    }

    #[test]
    fn a_group_keeps_its_lane_from_window_to_window() {
        let keys = Keys::new(7, "latency");
        let lane = |end, row| keys.name(&window(end, false), row).lane;
        assert_eq!(lane(60, 0), lane(120, 0));
        assert_ne!(lane(60, 0), lane(60, 1));
    }
}
