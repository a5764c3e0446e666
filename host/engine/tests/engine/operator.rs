//! The law "killed at any moment, the same afterwards" for operators: what they give is what a plain count gives.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use streamgauge_common::column::{DataType, Value};
use streamgauge_engine::{
    Operator, OperatorRows, OperatorSegment, Pass, RestoreError, SHARDS, SegmentId, StateSegment, operator,
    shard_of,
};
use streamgauge_sql::manifest::{self, Column, Key, OperatorFunction};

use crate::{accumulators::column, harness::Dice};

const ID: u64 = 7;

fn row_number(groups_max: usize) -> Box<dyn Operator> {
    let keys = [DataType::Text, DataType::Int64].into_iter().enumerate();
    let plan = manifest::Operator {
        text: "row_number()".into(),
        function: OperatorFunction::RowNumber,
        keys: keys.map(|(index, data_type)| Key { column: Column::Input(index), data_type }).collect(),
    };
    operator(&plan, ID, groups_max)
}

/// Gives rows with these keys; their numbers, none where a row was rejected.
fn apply(
    operator: &mut dyn Operator,
    window_end: i64,
    keys: &[(Value, i64)],
    pass: Pass,
) -> Vec<Option<i64>> {
    let texts = column(DataType::Text, keys.iter().map(|(text, _)| text.clone()));
    let numbers = column(DataType::Int64, keys.iter().map(|(_, number)| Value::Int64(*number)));
    let rows = OperatorRows { window_end, keys: &[&texts, &numbers], len: keys.len() };
    let refused = operator.admit(&rows);
    let admitted: Vec<u32> = (0..keys.len() as u32).filter(|row| !refused.contains(row)).collect();
    let (texts, numbers) = (texts.take(&admitted), numbers.take(&admitted));
    let rows = OperatorRows { window_end, keys: &[&texts, &numbers], len: admitted.len() };
    let values = operator.apply(&rows, pass);
    let number = |row: usize| {
        let place = admitted.binary_search(&(row as u32)).ok()?;
        match values.value(place) {
            Value::Int64(number) => Some(number),
            other => panic!("{other:?}"),
        }
    };
    (0..keys.len()).map(number).collect()
}

/// The windows' rows, by their keys.
fn windows() -> impl Strategy<Value = Vec<Vec<(Value, i64)>>> {
    let text = prop_oneof![
        1 => Just(Value::Null),
        5 => prop::sample::select(vec!["", "a", "b", "ä"]).prop_map(|text| Value::Text(text.into())),
    ];
    prop::collection::vec(prop::collection::vec((text, 0i64..40), 0..12), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_are_right_whatever_is_killed(
        windows in windows(), seed in any::<u64>(), groups_max in prop_oneof![Just(1_000usize), 1usize..30],
    ) {
        let mut dice = Dice(seed);
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        let mut expected = vec![];
        for window in &windows {
            let number = |key: &(Value, i64)| {
                let (key, groups) = (format!("{key:?}"), counts.len());
                if groups >= groups_max && !counts.contains_key(&key) {
                    return None;
                }
                let count = counts.entry(key).or_default();
                *count += 1;
                Some(*count)
            };
            expected.push(window.iter().map(number).collect::<Vec<_>>());
        }
        // What is on the disk, and how many windows had closed then; and how many were given.
        let mut disk: BTreeMap<SegmentId, Vec<StateSegment>> = BTreeMap::new();
        let (mut kept_at, mut given, mut at) = (0, 0, 0);
        let mut numbers = row_number(groups_max);
        while at < windows.len() {
            let pass = if at < given { Pass::Replay } else { Pass::Live };
            prop_assert_eq!(&apply(&mut *numbers, at as i64, &windows[at], pass), &expected[at]);
            at += 1;
            given = given.max(at);
            match dice.below(5) {
                0 => {
                    let whole = disk.keys().filter(|_| dice.below(4) == 0).copied().collect();
                    let (segments, kept) = numbers.snapshot(&whole);
                    for segment in segments {
                        prop_assert!(kept.contains(&segment.id), "what is captured is kept");
                        let pieces = disk.entry(segment.id).or_default();
                        if segment.whole {
                            pieces.clear();
                        }
                        pieces.push(segment);
                    }
                    prop_assert_eq!(disk.keys().copied().collect::<BTreeSet<_>>(), kept, "nothing is missing");
                    kept_at = at;
                }
                1 => {
                    numbers = row_number(groups_max);
                    disk.values().flatten().for_each(|segment| numbers.put_back(segment).unwrap());
                    at = kept_at;
                }
                _ => {}
            }
        }
    }
}

#[test]
fn shards_are_what_they_were() {
    let shards = [&b""[..], b"\0", b"\0model", &[7; 300]].map(shard_of);
    assert_eq!(shards, [2, 27, 31, 19], "a state on the disk has its groups by these numbers");
    assert!((0..1_000u32).map(|key| shard_of(&key.to_le_bytes())).all(|shard| shard < SHARDS));
}

#[test]
fn what_is_not_its_own_is_refused() {
    let mut numbers = row_number(10);
    apply(&mut *numbers, 0, &[(Value::Text("a".into()), 1)], Pass::Live);
    let (segments, _) = numbers.snapshot(&BTreeSet::new());
    let [good] = segments.as_slice() else { panic!("one group, one segment") };
    let SegmentId::Operator(OperatorSegment { shard, .. }) = good.id else { panic!("an operator's") };
    let id = |operator, shard| SegmentId::Operator(OperatorSegment { operator, shard });
    let mut states = good.states.clone();
    states[0].bytes[7] = 0x80;
    let bad = [
        StateSegment { id: id(ID + 1, shard), ..good.clone() },
        StateSegment { id: id(ID, (shard + 1) % SHARDS), ..good.clone() },
        StateSegment { states: vec![], ..good.clone() },
        StateSegment { states, ..good.clone() },
    ];
    for segment in bad {
        let refused = row_number(10).put_back(&segment);
        assert!(matches!(refused, Err(RestoreError::Misfit(_))), "{refused:?}");
    }
    row_number(10).put_back(good).unwrap();
}
