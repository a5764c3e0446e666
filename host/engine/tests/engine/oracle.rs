//! What windows contain, written from the definitions, event by event and window by window. It shares nothing with the
//! engine: no slices, no merges, no watermark but a number.

use std::{cmp::Ordering, collections::BTreeMap};

use streamgauge_common::column::Value;
use streamgauge_sql::manifest::{WHOLE_END_US, WHOLE_START_US, WindowKind};

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
    let mut windows: BTreeMap<(i64, i64), Vec<Expected>> = BTreeMap::new();
    let (mut late, mut late_partial) = (Vec::new(), 0);
    for events in partitions {
        let mut watermark = None;
        for event in events {
            let (mut open, mut closed) = (0, 0);
            let covering = if event.kept { covering(&setup.kind, event.time) } else { vec![] };
            for &(start, end) in &covering {
                if watermark.is_some_and(|watermark| watermark >= end) {
                    closed += 1;
                } else {
                    open += 1;
                    add(windows.entry((end, start)).or_default(), (start, end), setup, event);
                }
            }
            if closed > 0 && open == 0 {
                late.push((event.id, covering[0].0, closed));
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

/// All windows that cover a time, by their ends.
pub(crate) fn covering(kind: &WindowKind, time: i64) -> Vec<(i64, i64)> {
    let (offset, size) = (kind.offset_us(), kind.size_us());
    let mut windows = vec![];
    match *kind {
        WindowKind::Tumble { .. } | WindowKind::Hop { .. } => {
            let mut start = offset + (time - offset).div_euclid(kind.slide_us()) * kind.slide_us();
            while start + size > time {
                windows.push((start, start + size));
                start -= kind.slide_us();
            }
        }
        WindowKind::Cumulate { step_us, .. } => {
            let start = offset + (time - offset).div_euclid(size) * size;
            let ends = (1..=size / step_us).map(|steps| start + steps * step_us);
            windows.extend(ends.filter(|&end| end > time).map(|end| (start, end)));
        }
        WindowKind::Session { .. } => panic!("sessions do not follow from one time"),
        WindowKind::Whole => windows.push((WHOLE_START_US, WHOLE_END_US)),
    }
    windows.sort_by_key(|&(start, end)| (end, start));
    windows
}

fn add(groups: &mut Vec<Expected>, (start, end): (i64, i64), setup: &Setup, event: &Event) {
    let key = &event.key[..setup.parts];
    let same = |group: &Expected| group.key.iter().zip(key).all(|(left, right)| compare(left, right).is_eq());
    let index = groups.iter().position(same).unwrap_or_else(|| {
        groups.push(Expected { start, end, key: key.to_vec(), ids: vec![], sum: None });
        groups.len() - 1
    });
    groups[index].ids.push(event.id);
    if let Value::Float64(value) = event.value {
        groups[index].sum = Some(groups[index].sum.unwrap_or(0.0) + value);
    }
}

/// The same of sessions.
pub(crate) fn sessions(setup: &Setup, partitions: &[Vec<Event>]) -> (Vec<Expected>, Vec<(i64, i64, u64)>) {
    let WindowKind::Session { gap_us, max_length_us } = setup.kind else { panic!("not of sessions") };
    let (mut late, mut in_time) = (Vec::new(), Vec::new());
    for events in partitions {
        let mut watermark = None;
        for event in events {
            match watermark.is_some_and(|watermark| event.time < watermark) {
                _ if !event.kept => {}
                true => late.push((event.id, event.time, 1)),
                false => in_time.push(event),
            }
            watermark = watermark.max(Some(event.time - setup.delay));
        }
    }
    let key = |event: &Event| event.key[..setup.parts].to_vec();
    let order = |left: &[Value], right: &[Value]| {
        let parts = left.iter().zip(right).map(|(left, right)| compare(left, right));
        parts.fold(Ordering::Equal, Ordering::then)
    };
    in_time.sort_by(|left, right| order(&key(left), &key(right)).then(left.time.cmp(&right.time)));
    let mut rows: Vec<Expected> = Vec::new();
    // The key of a chain, its first event, and its last.
    let mut chain: Option<(Vec<Value>, i64, i64)> = None;
    for event in in_time {
        let same =
            chain.take().filter(|(of, _, last)| order(of, &key(event)).is_eq() && event.time - last < gap_us);
        let first = same.as_ref().map_or(event.time, |(_, first, _)| *first);
        let piece = |time: i64| (time - first) / max_length_us;
        match rows.last_mut() {
            Some(row) if same.is_some_and(|(.., last)| piece(last) == piece(event.time)) => {
                row.end = event.time + gap_us;
                row.ids.push(event.id);
            }
            _ => rows.push(Expected {
                start: event.time,
                end: event.time + gap_us,
                key: key(event),
                ids: vec![event.id],
                sum: None,
            }),
        }
        if let (Some(row), Value::Float64(value)) = (rows.last_mut(), &event.value) {
            row.sum = Some(row.sum.unwrap_or(0.0) + value);
        }
        chain = Some((key(event), first, event.time));
    }
    rows.sort_by(|left, right| {
        (left.end, left.start).cmp(&(right.end, right.start)).then_with(|| order(&left.key, &right.key))
    });
    (rows, late)
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
