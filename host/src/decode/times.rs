//! Times that are all in 1970, or beyond 2200: a unit that is declared otherwise than it is written is noticed in the first records
//! of a source.
//!
//! The decoded columns are looked at; a record is parsed once a column, for what stands in it.

use std::{
    ops::{Range, RangeInclusive},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::Value;
use streamgauge_common::column::{Column, Values};
use streamgauge_sql::{manifest::TimeFormat, path::PathStep, types::DataType};

use super::{Batch, keys::RECORDS_MAX, layout::ColumnSpec};

/// 1970, in microseconds.
const YEAR_1970_US: RangeInclusive<i64> = 0..=31_535_999_999_999;
/// 2000 to 2099, in microseconds: what events are meant to be of.
const YEARS_MEANT_US: RangeInclusive<i64> = 946_684_800_000_000..=4_102_444_799_999_999;
/// 2200-01-01T00:00:00Z
const YEAR_2200_US: i64 = 7_258_118_400_000_000;

/// Looks at the times of a source's first records.
#[derive(Debug)]
pub struct TimeWatch {
    /// Whether there are several.
    has_several: bool,
    /// Whether the source states a zone, for patterns that read none.
    states_zone: bool,
    /// Whether nothing more is looked at.
    is_over: AtomicBool,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    records: u64,
    /// Columns that had no plausible time yet.
    columns: Vec<WatchedColumn>,
}

#[derive(Debug)]
struct WatchedColumn {
    spec: ColumnSpec,
    is_event_time: bool,
    first: Option<StrangeTimes>,
}

/// Where all times of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// In 1970, where small numbers are.
    Epoch,
    /// Beyond 2200.
    Future,
}

/// A column whose times are hardly what they were meant to be.
#[derive(Clone, Debug, PartialEq)]
pub struct StrangeTimes {
    /// The column.
    pub spec: ColumnSpec,
    /// Where its times are.
    pub era: Era,
    /// The first, in microseconds.
    pub time_us: i64,
    /// What stands in its record, if that is a number, in quotes or not.
    pub number: Option<f64>,
}

impl TimeWatch {
    /// For the TIMESTAMPs of these columns; `event_time` is the name of that of the events. Of others only a wrong unit is told: what
    /// ends in 9999 may be meant so.
    pub fn new(columns: impl IntoIterator<Item = ColumnSpec>, event_time: Option<&str>) -> Self {
        let mut watched: Vec<WatchedColumn> = Vec::new();
        for spec in columns.into_iter().filter(|spec| spec.column.data_type == DataType::Timestamp) {
            if !watched.iter().any(|known| known.spec == spec) {
                let is_event_time = event_time == Some(&spec.column.name);
                watched.push(WatchedColumn { spec, is_event_time, first: None });
            }
        }
        Self {
            has_several: watched.len() > 1,
            states_zone: watched.iter().any(WatchedColumn::states_zone),
            is_over: AtomicBool::new(watched.is_empty()),
            watched: Mutex::new(Watched { records: 0, columns: watched }),
        }
    }

    /// Whether more than one column of times is read.
    pub fn has_several(&self) -> bool {
        self.has_several
    }

    /// Whether the source states the zone of times that have none, as far as a column that is read says so.
    pub fn states_zone(&self) -> bool {
        self.states_zone
    }

    /// Looks at records of a batch, if it is not over; gives the columns whose times are all strange where that is known now.
    pub fn look(&self, batch: &Batch, records: Range<usize>) -> Vec<StrangeTimes> {
        if self.is_over.load(Relaxed) {
            return Vec::new();
        }
        // Nothing that could panic happens while it is held.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let room = RECORDS_MAX.saturating_sub(watched.records).min(records.len() as u64);
        watched.records += room;
        let records = records.start..records.start + room as usize;
        watched.columns.retain_mut(|column| column.is_strange(batch, records.clone()));
        match watched.records >= RECORDS_MAX || watched.columns.is_empty() {
            true => self.end_of(&mut watched),
            false => Vec::new(),
        }
    }

    /// Nothing more is to be looked at; gives the columns whose times are all strange, unless that is known already.
    pub fn end(&self) -> Vec<StrangeTimes> {
        if self.is_over.load(Relaxed) {
            return Vec::new();
        }
        self.end_of(&mut self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end_of(&self, watched: &mut Watched) -> Vec<StrangeTimes> {
        if watched.records > 0 {
            self.is_over.store(true, Relaxed);
        }
        match watched.records {
            0 => Vec::new(),
            _ => {
                let first = |column: WatchedColumn| {
                    column.first.filter(|first| column.is_event_time || first.meant().is_some())
                };
                watched.columns.drain(..).filter_map(first).collect()
            }
        }
    }
}

impl WatchedColumn {
    fn states_zone(&self) -> bool {
        matches!(&self.spec.time_format, TimeFormat::Pattern(pattern) if pattern.has_stated_zone())
    }

    /// Whether all times so far are of one era, those of these records, too. NULL says nothing.
    fn is_strange(&mut self, batch: &Batch, records: Range<usize>) -> bool {
        let position = batch.columns.layout().position(&self.spec);
        let Some(Column { values: Values::Timestamp(times), valid }) =
            position.and_then(|position| batch.columns.get(position))
        else {
            return true;
        };
        for record in records {
            let rows = batch.rows.of(record..record + 1);
            for (row, &time_us) in times.iter().enumerate().take(rows.end).skip(rows.start) {
                if valid.as_ref().is_some_and(|valid| !valid.get(row)) {
                    continue;
                }
                let Some(era) = era(time_us) else { return false };
                let spec = &self.spec;
                let first = self.first.get_or_insert_with(|| {
                    let value = value_at(batch.chunk.record(record), &spec.column.path);
                    StrangeTimes { spec: spec.clone(), era, time_us, number: value.as_ref().and_then(number) }
                });
                if first.era != era {
                    return false;
                }
            }
        }
        true
    }
}

fn era(time_us: i64) -> Option<Era> {
    match time_us {
        time if YEAR_1970_US.contains(&time) => Some(Era::Epoch),
        YEAR_2200_US.. => Some(Era::Future),
        _ => None,
    }
}

impl StrangeTimes {
    /// The unit that makes a plausible time of the number, and that time in microseconds; none where no other unit does.
    pub fn meant(&self) -> Option<(&'static str, i64)> {
        let number = self.number?;
        let unit = unit_of(number).filter(|unit| word_of(&self.spec.time_format) != Some(unit))?;
        let scale = match unit {
            "unix_s" => 1e6,
            "unix_ms" => 1e3,
            "unix_us" => 1.0,
            _ => 1e-3,
        };
        let time_us = (number * scale) as i64;
        YEARS_MEANT_US.contains(&time_us).then_some((unit, time_us))
    }
}

/// What the value under a path is; none where the record has none.
pub fn value_at(record: &[u8], path: &[PathStep]) -> Option<Value> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let value = path.iter().try_fold(&record, |value, step| match step {
        PathStep::Field(name) => value.get(name),
        PathStep::Element(number) => value.get(*number as usize),
    })?;
    Some(value.clone())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The unit in which a number is a time between 1973 and 5138; none where it is none of those that can be read.
pub fn unit_of(number: f64) -> Option<&'static str> {
    match number.abs() {
        seconds if (1e8..1e11).contains(&seconds) => Some("unix_s"),
        millis if (1e11..1e14).contains(&millis) => Some("unix_ms"),
        micros if (1e14..1e17).contains(&micros) => Some("unix_us"),
        nanos if (1e17..1e20).contains(&nanos) => Some("unix_ns"),
        _ => None,
    }
}

/// The word of a format; none where it is a pattern.
pub fn word_of(format: &TimeFormat) -> Option<&'static str> {
    match format {
        TimeFormat::Rfc3339 => Some("rfc3339"),
        TimeFormat::UnixSeconds => Some("unix_s"),
        TimeFormat::UnixMillis => Some("unix_ms"),
        TimeFormat::UnixMicros => Some("unix_us"),
        TimeFormat::UnixNanos => Some("unix_ns"),
        TimeFormat::Pattern(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streamgauge_common::{chunk::Chunk, offset::Offset};
    use streamgauge_sql::manifest::SourceColumn;

    use super::*;
    use crate::decode::{format::Decode, json::Decoder};

    fn spec(time_format: TimeFormat) -> ColumnSpec {
        let path = vec![PathStep::Field("ts".into())];
        let column =
            SourceColumn { name: "ts".into(), data_type: DataType::Timestamp, path, time_format: None };
        ColumnSpec { column, time_format, lenient_numbers: false }
    }

    fn batch(spec: &ColumnSpec, records: &[String]) -> Batch {
        let ends = records.iter().scan(0, |end, record| {
            let start = *end;
            *end += record.len() as u32;
            Some((start, *end))
        });
        let chunk = Chunk {
            spans: ends.collect(),
            bytes: records.concat().into_bytes().into(),
            offsets: (0..records.len() as i64).map(Offset).collect(),
            ..Chunk::default()
        };
        Decoder::new(Arc::new([spec.clone()].into_iter().collect()), 1 << 20).decode(chunk)
    }

    /// What is told of times, with the unit that was meant and the time in it.
    fn told(format: TimeFormat, times: &[&str]) -> Option<(Era, Option<(&'static str, i64)>)> {
        let spec = spec(format);
        let records: Vec<String> = times.iter().map(|time| format!("{{\"ts\":{time}}}")).collect();
        let watch = TimeWatch::new([spec.clone()], Some("ts"));
        let during = watch.look(&batch(&spec, &records), 0..records.len());
        let told = [during, watch.end()].concat();
        assert!(told.len() <= 1 && watch.end().is_empty(), "told once");
        told.first().map(|strange| (strange.era, strange.meant()))
    }

    #[test]
    fn a_unit_that_is_written_otherwise_is_found_by_the_number() {
        use TimeFormat::{Rfc3339, UnixMicros, UnixMillis, UnixNanos, UnixSeconds};
        let new_year = 1_767_225_600_000_000;
        for (format, time, unit) in [
            (UnixMillis, "1767225600", "unix_s"),
            (UnixMillis, "\"1767225600\"", "unix_s"),
            (UnixMicros, "1767225600", "unix_s"),
            (UnixMicros, "1767225600000", "unix_ms"),
            (UnixNanos, "1767225600", "unix_s"),
            (UnixNanos, "1767225600000", "unix_ms"),
            (UnixNanos, "1767225600000000", "unix_us"),
        ] {
            assert_eq!(
                told(format.clone(), &[time]),
                Some((Era::Epoch, Some((unit, new_year)))),
                "{format} {time}"
            );
        }
        assert_eq!(told(UnixSeconds, &["5", "null", "31535999"]), Some((Era::Epoch, None)));
        assert_eq!(told(UnixSeconds, &["7258118400"]), Some((Era::Future, None)));
        assert_eq!(told(Rfc3339, &["\"1970-06-01T00:00:00Z\""]), Some((Era::Epoch, None)));
        for times in [
            ["1767225600", "1767225601"],
            ["5", "1767225601"],
            ["5", "7258118400"],
            ["-1", "5"],
            ["31536000", "5"],
            ["null", "null"],
            ["true", "null"],
        ] {
            assert_eq!(told(UnixSeconds, &times), None, "{times:?}");
        }
    }

    #[test]
    fn of_a_time_that_is_not_that_of_the_events_only_a_wrong_unit_is_told() {
        let strange = |time: &str| {
            let spec = spec(TimeFormat::UnixMillis);
            let watch = TimeWatch::new([spec.clone()], Some("other"));
            watch.look(&batch(&spec, &[format!("{{\"ts\":{time}}}")]), 0..1);
            watch.end().len()
        };
        assert_eq!(["253402300799000", "5", "1767225600"].map(strange), [0, 0, 1]);
    }

    #[test]
    fn the_first_thousand_records_decide() {
        let spec = spec(TimeFormat::UnixMillis);
        let early = vec!["{\"ts\":5}".to_owned(); 600];
        let batch = batch(&spec, &[early, vec!["{\"ts\":1767225600000}".to_owned()]].concat());
        let watch = TimeWatch::new([spec.clone()], Some("ts"));
        assert_eq!(watch.end(), [], "no record was seen");
        assert_eq!(watch.look(&batch, 0..600), []);
        assert_eq!(watch.look(&batch, 0..601).len(), 1, "the later one is not one of the first thousand");
        assert!(watch.is_over.load(Relaxed), "nothing more is looked at");
        let watch = TimeWatch::new([spec], Some("ts"));
        assert_eq!(watch.look(&batch, 1..601), []);
        assert!(watch.is_over.load(Relaxed));
        assert_eq!(watch.end(), []);
    }
}
