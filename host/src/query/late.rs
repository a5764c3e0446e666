//! What is said of an event that no window takes any more, and of many of them.

use std::{
    sync::atomic::{
        AtomicBool, AtomicI64,
        Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use streamgauge_engine::LateRow;
use streamgauge_functions::format_json_timestamp;
use streamgauge_sql::manifest::Source;
use tracing::warn;

use super::Subscription;

/// Of how many events of a source it is looked how many are late.
const EVENTS_MIN: u64 = 100;
/// People are told where more than one event in so many is late.
const ONE_IN: u64 = 100;
const SECOND_US: i64 = 1_000_000;

/// How late events of a source are: people are told once, where many are.
#[derive(Debug, Default)]
pub struct LateWatch {
    /// The column that the watermark follows, and its delay in microseconds; none where there is no watermark.
    watermark: Option<(String, i64)>,
    /// How far the latest one is behind the newest event of its partition, in microseconds.
    behind_us: AtomicI64,
    is_told: AtomicBool,
}

impl LateWatch {
    /// Nothing is late yet.
    pub fn new(source: &Source) -> Self {
        let column = source.watermark.and_then(|watermark| {
            Some((source.columns.get(watermark.column)?.name.clone(), watermark.delay_us))
        });
        Self { watermark: column, ..Self::default() }
    }

    /// These came too late for all their windows.
    pub(super) fn note(&self, late: &[LateRow]) {
        if let Some(behind_us) = late.iter().map(|late| late.behind_us).max() {
            self.behind_us.fetch_max(behind_us, Relaxed);
        }
    }

    /// Tells that many events are late for a query, if they are; once, for the query that has most.
    pub(super) fn tell(&self, subscription: &Subscription) {
        let (behind_us, events) = (self.behind_us.load(Relaxed), subscription.progress.events());
        let Some((column, delay_us)) = &self.watermark else { return };
        // What was closed while its partition was silent came within the delay: a longer one would not help.
        if behind_us <= *delay_us || events < EVENTS_MIN || self.is_told.load(SeqCst) {
            return;
        }
        let queries = subscription.queries();
        let most =
            queries.iter().map(|query| (query.counts().late, query.name())).max_by_key(|(late, _)| *late);
        let Some((late, query)) = most.filter(|(late, _)| late.saturating_mul(ONE_IN) > events) else {
            return;
        };
        if self.is_told.swap(true, SeqCst) {
            return;
        }
        let (deployment, source) = (&subscription.deployment, &subscription.source);
        let share = 100.0 * late as f64 / events as f64;
        let behind_s = seconds(behind_us);
        let help = help(column, behind_us, subscription);
        warn!(
            deployment,
            query,
            source,
            late,
            behind_s,
            help,
            "source '{source}': {late} of {events} events are late for query '{query}' ({share:.1} %), by up to {} behind the newest \
             event of their partition",
            humantime::format_duration(Duration::from_secs(behind_s.unsigned_abs()))
        );
    }
}

/// Which delay waits for the latest event, and what else may be wrong.
fn help(column: &str, behind_us: i64, subscription: &Subscription) -> String {
    let is_plain = column.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let column = if is_plain { column.to_owned() } else { format!("\"{column}\"") };
    let source = &subscription.source;
    let wait = format!(
        "WATERMARK FOR {column} AS {column} - {} waits for them, and rows come so much later",
        interval(behind_us)
    );
    match subscription.files.first() {
        None => wait,
        Some(file) => format!(
            "{wait}; a file is one partition: if '{}' has the records of several partitions or hosts one after the other, save a file of \
             each and give all of them (--input {source}=A.jsonl --input {source}=B.jsonl)",
            file.display()
        ),
    }
}

/// In whole seconds, not less.
fn seconds(micros: i64) -> i64 {
    micros.saturating_add(SECOND_US - 1) / SECOND_US
}

/// A duration as SQL spells it, not shorter, in the largest unit of which it has two or more.
fn interval(micros: i64) -> String {
    let seconds = seconds(micros);
    let units = [(86_400, "DAY"), (3_600, "HOUR"), (60, "MINUTE")];
    let (unit_s, unit) = units.into_iter().find(|(unit_s, _)| seconds >= 2 * unit_s).unwrap_or((1, "SECOND"));
    format!("INTERVAL '{}' {unit}", seconds.saturating_add(unit_s - 1) / unit_s)
}

/// How a message ends where windows were closed because the partition was idle.
pub(super) const SILENT: &str = " were closed while the partition was silent";

/// Which windows an event missed, and what had closed them. A replay says the same, so that it is said once.
pub(super) fn message(late: &LateRow) -> String {
    let (start, end) = late.first;
    let mut message = format!("late for all its windows: [{}, {})", written(start), written(end));
    if late.windows > 1 {
        message.push_str(&format!(" and {} more", late.windows - 1));
    }
    let watermark = match late.watermark {
        i64::MIN => "the partition had no watermark yet".to_owned(),
        watermark => format!("the partition's watermark was {}", written(watermark)),
    };
    message.push_str("; ");
    message.push_str(&watermark);
    if let Some(closed) = late.closed {
        message.push_str(", and windows up to ");
        message.push_str(&written(closed));
        message.push_str(SILENT);
    }
    message
}

/// A time as rows have it.
fn written(time_us: i64) -> String {
    let mut text = Vec::new();
    format_json_timestamp(time_us, &mut text);
    String::from_utf8_lossy(&text).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_and_what_closed_them_are_named() {
        let second = 1_000_000;
        let row = LateRow {
            row: 0,
            first: (0, 60 * second),
            windows: 1,
            watermark: 61 * second,
            behind_us: 0,
            closed: None,
        };
        assert_eq!(
            message(&row),
            "late for all its windows: [1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z); \
             the partition's watermark was 1970-01-01T00:01:01.000Z"
        );
        let forced = LateRow { windows: 5, watermark: i64::MIN, closed: Some(120 * second), ..row };
        assert_eq!(
            message(&forced),
            "late for all its windows: [1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z) and 4 more; \
             the partition had no watermark yet, and windows up to 1970-01-01T00:02:00.000Z were closed while the \
             partition was silent"
        );
    }

    #[test]
    fn an_interval_is_not_shorter_than_what_it_is_for() {
        for (micros, expected) in [
            (1, "INTERVAL '1' SECOND"),
            (119 * SECOND_US, "INTERVAL '119' SECOND"),
            (120 * SECOND_US + 1, "INTERVAL '3' MINUTE"),
            (7_200 * SECOND_US, "INTERVAL '2' HOUR"),
            (9 * 86_400 * SECOND_US + 1, "INTERVAL '10' DAY"),
            (i64::MAX, "INTERVAL '106751992' DAY"),
        ] {
            assert_eq!(interval(micros), expected, "{micros}");
        }
    }
}
