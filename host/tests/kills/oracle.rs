//! What must come out: a plain program that reads all events as they lie in the partitions and knows nothing of slices,
//! batches, merges or time that passes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rows::{Place, Records, Rows};

/// As `query.sql` says.
const SIZE_MS: i64 = 2_000;
const SLIDE_MS: i64 = 500;
const DELAY_MS: i64 = 500;
/// The day on which all events are, and how it is written.
const DAY_MS: i64 = 1_767_225_600_000;
const DAY: &str = "2026-01-01";
/// How exact doubles are whose sums may be taken in any order, and percentiles.
const EXACT: f64 = 1e-9;
const NEARLY: f64 = 1e-3;

/// What windows contain, and what no window can.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    groups: BTreeMap<Place, Vec<Used>>,
    /// Partitions and offsets of records that cannot be used and of events that are late for all their windows, and which of
    /// the two they are.
    pub(crate) dead_letters: BTreeSet<(u32, i64, Lost)>,
    /// Events that were late for all their windows.
    pub(crate) late: u64,
    /// The last window end that all partitions have passed.
    pub(crate) closed_upto: String,
}

/// Why a record is in no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lost {
    /// It cannot be used.
    Unusable,
    /// It came too late for all its windows.
    Late,
}

/// An event in a window.
#[derive(Clone, Copy, Debug)]
struct Used {
    latency_ms: f64,
    tokens: i64,
}

/// Reads the partitions, each in its order.
pub(crate) fn expect(partitions: &BTreeMap<u32, Records>) -> Expected {
    let mut expected = Expected::default();
    let mut source_ms = i64::MAX;
    for (&partition, records) in partitions {
        let mut watermark_ms = i64::MIN;
        for (offset, value) in records {
            match event(value) {
                Some((model, used, ok, time_ms)) => {
                    if ok && !expected.add(&model, used, time_ms, watermark_ms) {
                        expected.late += 1;
                        expected.dead_letters.insert((partition, *offset, Lost::Late));
                    }
                    watermark_ms = watermark_ms.max(time_ms - DELAY_MS);
                }
                None => drop(expected.dead_letters.insert((partition, *offset, Lost::Unusable))),
            }
        }
        source_ms = source_ms.min(watermark_ms);
    }
    expected.closed_upto = written(source_ms);
    expected
}

impl Expected {
    /// Adds an event to its windows; false where none is open for it any more.
    fn add(&mut self, model: &str, used: Used, time_ms: i64, watermark_ms: i64) -> bool {
        let mut start_ms = time_ms.div_euclid(SLIDE_MS) * SLIDE_MS;
        let mut taken = false;
        while start_ms + SIZE_MS > time_ms {
            let end_ms = start_ms + SIZE_MS;
            if watermark_ms < end_ms {
                let place = Place { end: written(end_ms), start: written(start_ms), group: model.to_owned() };
                self.groups.entry(place).or_default().push(used);
                taken = true;
            }
            start_ms -= SLIDE_MS;
        }
        taken
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Fails where rows are not what windows contain, or are not numbered as they come.
    pub(crate) fn check(&self, what: &str, rows: &Rows) {
        let mut numbers: BTreeMap<&str, i64> = BTreeMap::new();
        for (place, used) in &self.groups {
            let row = rows.get(place).unwrap_or_else(|| panic!("{what}: no row for {place:?}"));
            let told = format!("{what}: {row}");
            let row: Value = serde_json::from_str(row).unwrap();
            check_row(&told, &row, used);
            // Places are in the order of window ends.
            let number = numbers.entry(&place.group).or_default();
            *number += 1;
            assert_eq!(row["number"].as_i64(), Some(*number), "number of {told}");
        }
        let extra: Vec<&Place> = rows.keys().filter(|place| !self.groups.contains_key(place)).collect();
        assert!(
            extra.is_empty(),
            "{what}: {} rows that should not be, such as {:?}",
            extra.len(),
            extra.first()
        );
    }
}

fn check_row(what: &str, row: &Value, used: &[Used]) {
    let n = used.len() as f64;
    let tokens = || used.iter().map(|used| used.tokens);
    let integers = [
        ("n", Some(used.len() as i64)),
        ("total", Some(tokens().sum())),
        ("least", tokens().min()),
        ("greatest", tokens().max()),
    ];
    for (name, expected) in integers {
        assert_eq!(row[name].as_i64(), expected, "{name} of {what}");
    }
    let average = used.iter().map(|used| used.latency_ms).sum::<f64>() / n;
    let squares: f64 = used.iter().map(|used| (used.latency_ms - average).powi(2)).sum();
    let mut sorted: Vec<f64> = used.iter().map(|used| used.latency_ms).collect();
    sorted.sort_by(f64::total_cmp);
    // The smallest rank k with 100 k >= 95 n.
    let p95 = sorted[(95 * used.len()).div_ceil(100) - 1];
    let deviation = (used.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    let doubles =
        [("average", Some(average), EXACT), ("deviation", deviation, EXACT), ("p95", Some(p95), NEARLY)];
    for (name, expected, tolerance) in doubles {
        let near = match (row[name].as_f64(), expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(near, "{name} should be {expected:?} in {what}");
    }
}

/// A record's model, what is used of it, whether WHERE keeps it, and its time; none where it cannot be used.
fn event(record: &[u8]) -> Option<(String, Used, bool, i64)> {
    let event: Value = serde_json::from_slice(record).ok()?;
    let used = Used { latency_ms: event["latency_ms"].as_f64()?, tokens: event["tokens"].as_i64()? };
    Some((event["model"].as_str()?.to_owned(), used, event["ok"].as_bool()?, event["ts"].as_i64()?))
}

/// A time of that day as rows have it.
fn written(time_ms: i64) -> String {
    let ms = time_ms - DAY_MS;
    assert!((0..86_400_000).contains(&ms), "all events are on one day");
    let (seconds, minutes, hours) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{DAY}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}
