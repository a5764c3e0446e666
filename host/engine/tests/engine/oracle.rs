//! What windows contain, written from the definitions, event by event and window by window. It shares nothing with the
//! engine: no slices, no merges, no watermark but a number.

use std::{cmp::Ordering, collections::BTreeMap};

use streamgauge_common::column::Value;

use crate::harness::{Event, Setup};

/// A window's group.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) key: Vec<Value>,
    pub(crate) ids: Vec<i64>,
    pub(crate) sum: Option<f64>,
}

/// All rows, in order; the events that were late for all of their windows, by id, with the start of the first of these and how
/// many they are; and how many events were late for some.
pub(crate) fn rows(setup: &Setup, partitions: &[Vec<Event>]) -> (Vec<Expected>, Vec<(i64, i64, u64)>, u64) {
    let mut windows: BTreeMap<i64, Vec<Expected>> = BTreeMap::new();
    let (mut late, mut late_partial) = (Vec::new(), 0);
    for events in partitions {
        let mut watermark = None;
        for event in events {
            let (mut open, mut closed) = (0, 0);
            // All windows that cover the event, earliest first.
            let mut start = event.time.div_euclid(setup.slide) * setup.slide;
            while event.kept && start + setup.size > event.time {
                if watermark.is_some_and(|watermark| watermark >= start + setup.size) {
                    closed += 1;
                } else {
                    open += 1;
                    add(windows.entry(start).or_default(), start, setup, event);
                }
                start -= setup.slide;
            }
            if closed > 0 && open == 0 {
                late.push((event.id, start + setup.slide, closed));
            }
            late_partial += u64::from(closed > 0 && open > 0);
            watermark = watermark.max(Some(event.time - setup.delay));
        }
    }
    let order = |left: &Expected, right: &Expected| {
        let parts = left.key.iter().zip(&right.key).map(|(left, right)| compare(left, right));
        parts.fold(Ordering::Equal, Ordering::then)
    };
    windows.values_mut().for_each(|groups| groups.sort_by(order));
    (windows.into_values().flatten().collect(), late, late_partial)
}

fn add(groups: &mut Vec<Expected>, start: i64, setup: &Setup, event: &Event) {
    let key = &event.key[..setup.parts];
    let same = |group: &Expected| group.key.iter().zip(key).all(|(left, right)| compare(left, right).is_eq());
    let index = groups.iter().position(same).unwrap_or_else(|| {
        let (end, key) = (start + setup.size, key.to_vec());
        groups.push(Expected { start, end, key, ids: vec![], sum: None });
        groups.len() - 1
    });
    groups[index].ids.push(event.id);
    if let Value::Float64(value) = event.value {
        groups[index].sum = Some(groups[index].sum.unwrap_or(0.0) + value);
    }
}

/// NULL last and equal to itself, NaN greatest and equal to itself, -0 equal to 0.
pub(crate) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Float64(left), Value::Float64(right)) => {
            left.partial_cmp(right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
        }
        other => panic!("{other:?}"),
    }
}
