//! Values of one field of all records to a column.

use streamgauge_common::{
    chunk::Chunk,
    column::{Bitmap, Column, Texts, Values},
    reason::Reason,
};
use streamgauge_sql::{manifest::TimeFormat, types::DataType};

use super::{
    ReadColumn,
    scan::{ValueKind, ValueSpan},
    text,
    value::RawValue,
};
use crate::decode::{Reject, RejectScope, RowIndex, shorten};

/// The places of one field's values in all records of a chunk.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    places: &'a [ValueSpan],
    slot_count: usize,
    slot: usize,
    chunk: &'a Chunk,
}

impl<'a> Places<'a> {
    pub(super) fn new(places: &'a [ValueSpan], slot_count: usize, slot: usize, chunk: &'a Chunk) -> Self {
        debug_assert_eq!(places.len(), chunk.len() * slot_count, "one place a record and slot");
        Self { places, slot_count, slot, chunk }
    }

    fn len(&self) -> usize {
        self.chunk.len()
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = RawValue<'a>> {
        let bytes = self.chunk.bytes.as_ref();
        let places = self.places.get(self.slot..).unwrap_or_default().iter().step_by(self.slot_count.max(1));
        places.map(|place| RawValue {
            kind: place.kind,
            raw: bytes.get(place.start as usize..place.end as usize).unwrap_or_default(),
        })
    }
}

/// What became of a column's values beside the values themselves.
struct Outcome {
    valid: Bitmap,
    nulls: bool,
    rejects: Vec<(usize, Reason)>,
}

impl Outcome {
    fn new(rows: usize) -> Self {
        Self { valid: Bitmap::filled(rows, true), nulls: false, rejects: Vec::new() }
    }

    fn null(&mut self, row: usize) {
        self.valid.set(row, false);
        self.nulls = true;
    }

    fn reject(&mut self, row: usize, reason: Reason) {
        self.null(row);
        self.rejects.push((row, reason));
    }
}

impl ReadColumn {
    /// The column's values at these places; what does not fit goes to the rejects.
    pub(super) fn decode(&self, places: &Places<'_>, rejects: &mut Vec<Reject>) -> Column {
        let rules = &self.rules;
        let mut outcome = Outcome::new(places.len());
        let values = match self.column.data_type {
            DataType::Boolean => {
                let values = fixed(places, &mut outcome, |found| rules.boolean(found));
                Values::Boolean(values.into_iter().collect())
            }
            DataType::Int64 => Values::Int64(fixed(places, &mut outcome, |found| rules.int64(found))),
            DataType::Float64 => Values::Float64(fixed(places, &mut outcome, |found| rules.float64(found))),
            DataType::Timestamp => {
                Values::Timestamp(fixed(places, &mut outcome, |found| rules.timestamp(found)))
            }
            DataType::Text => Values::Text(texts(places, &mut outcome)),
        };
        for &(row, reason) in &outcome.rejects {
            let found = places.iter().nth(row);
            let message = found.map_or(String::new(), |found| self.message(reason, found));
            let scope = RejectScope::Row(RowIndex(row as u32));
            rejects.push(Reject { scope, column: Some(self.position), reason, message });
        }
        Column { values, valid: outcome.nulls.then_some(outcome.valid) }
    }

    /// Why a value does not fit, for people: the column, what it takes, and what was found.
    fn message(&self, reason: Reason, found: RawValue<'_>) -> String {
        let expected = match (self.column.data_type, &self.rules.time_format) {
            (DataType::Timestamp, TimeFormat::Rfc3339) => "TIMESTAMP as text of RFC 3339".to_string(),
            (DataType::Timestamp, TimeFormat::UnixSeconds) => "TIMESTAMP as a number of seconds".to_string(),
            (DataType::Timestamp, TimeFormat::UnixMillis) => {
                "TIMESTAMP as a number of milliseconds".to_string()
            }
            (DataType::Timestamp, TimeFormat::UnixMicros) => {
                "TIMESTAMP as a number of microseconds".to_string()
            }
            (DataType::Timestamp, TimeFormat::UnixNanos) => {
                "TIMESTAMP as a number of nanoseconds".to_string()
            }
            (DataType::Timestamp, TimeFormat::Pattern(pattern)) => {
                format!("TIMESTAMP as text like '{}'", pattern.text())
            }
            (other, _) => other.to_string(),
        };
        let what = match found.kind {
            ValueKind::Missing => "nothing".to_string(),
            ValueKind::Composite if found.raw == b"{" => "an object".to_string(),
            ValueKind::Composite => "an array".to_string(),
            ValueKind::Scalar => format!("`{}`", shorten(found.raw)),
            ValueKind::Plain | ValueKind::Escaped => format!("`\"{}\"`", shorten(found.raw)),
        };
        let is_time = self.column.data_type == DataType::Timestamp;
        let why = match (reason, found.kind) {
            (Reason::OutOfRange, _) => ", which is out of range",
            (Reason::WrongType, _) if is_time && self.rules.lacks_zone(found) => ", which has no zone",
            (Reason::Malformed, ValueKind::Plain) => {
                text::check(found.raw).err().map_or("", |why| why.hint())
            }
            (Reason::Malformed, ValueKind::Escaped) => {
                text::unescape(found.raw, &mut Vec::new()).err().map_or("", |why| why.hint())
            }
            _ => "",
        };
        format!("column \"{}\": expected {expected}, found {what}{why}", self.column.name)
    }
}

/// Values of a fixed size.
#[inline]
fn fixed<T: Default>(
    places: &Places<'_>,
    outcome: &mut Outcome,
    read: impl Fn(RawValue<'_>) -> Result<T, Reason>,
) -> Vec<T> {
    let mut values = Vec::with_capacity(places.len());
    for (row, found) in places.iter().enumerate() {
        values.push(match read(found) {
            Ok(value) => value,
            Err(_) if found.is_null() => {
                outcome.null(row);
                T::default()
            }
            Err(reason) => {
                outcome.reject(row, reason);
                T::default()
            }
        });
    }
    values
}

/// Texts: copied first and looked at together; one by one only if something is wrong with them.
fn texts(places: &Places<'_>, outcome: &mut Outcome) -> Texts {
    let texts = copy(places, outcome, |_| Ok(()));
    let starts = std::iter::once(0).chain(texts.ends.iter().map(|&end| end as usize));
    let is_clean = text::is_clean(&texts.bytes)
        && starts.map(|start| texts.bytes.get(start)).all(|byte| byte.is_none_or(|byte| byte & 0xc0 != 0x80));
    if is_clean {
        return texts;
    }
    *outcome = Outcome::new(places.len());
    copy(places, outcome, |raw| text::check(raw).map_err(|_| Reason::Malformed))
}

/// Copies the texts; those without escapes if they pass `check`.
#[inline]
fn copy(places: &Places<'_>, outcome: &mut Outcome, check: impl Fn(&[u8]) -> Result<(), Reason>) -> Texts {
    let bytes: usize = places.iter().map(|found| found.raw.len()).sum();
    let mut texts = Texts { ends: Vec::with_capacity(places.len()), bytes: Vec::with_capacity(bytes) };
    for (row, found) in places.iter().enumerate() {
        let start = texts.bytes.len();
        let fits = match found.kind {
            ValueKind::Plain => {
                texts.bytes.extend_from_slice(found.raw);
                check(found.raw)
            }
            ValueKind::Escaped => text::unescape(found.raw, &mut texts.bytes).map_err(|_| Reason::Malformed),
            ValueKind::Missing | ValueKind::Scalar | ValueKind::Composite => Err(Reason::WrongType),
        };
        if let Err(reason) = fits {
            texts.bytes.truncate(start);
            if found.is_null() { outcome.null(row) } else { outcome.reject(row, reason) }
        }
        texts.ends.push(texts.bytes.len() as u32);
    }
    texts
}
