//! Records of JSON to columns: one pass that finds the values that are read, then column by column.
//!
//! 1. [`scan`]: is the record one balanced object, and where are the values of the fields that are read?
//! 2. [`columns`]: those values as a column of its type, or why not.

mod block;
mod columns;
mod fields;
mod layout;
mod number;
mod scan;
mod skip;
mod text;
mod value;

use std::sync::Arc;

use streamgauge_common::{
    chunk::{Chunk, RecordIndex},
    reason::Reason,
};
use streamgauge_sql::manifest::SourceColumn;

use self::{
    columns::Places,
    fields::Fields,
    scan::{Broken, Scanner, ValueSpan},
    value::Rules,
};
use super::{
    Batch, Reject, RejectScope, RowIndex, RowMap,
    format::{Decode, Format},
    layout::{Columns, Layout},
    shorten,
};

/// `format = 'json'`.
pub const FORMAT: Format = Format {
    name: "json",
    decoder: |layout, record_bytes_max| Arc::new(Decoder::new(layout, record_bytes_max)),
};

/// Reads records that are JSON objects, each of them one event. One decoder serves all threads.
///
/// ```
/// use std::sync::Arc;
///
/// use streamgauge::decode::{format::Decode, json::Decoder, layout::{ColumnSpec, Layout}};
/// use streamgauge_common::{chunk::Chunk, offset::Offset};
/// use streamgauge_sql::{manifest::{SourceColumn, TimeFormat}, types::{DataType, Value}};
///
/// let latency =
///     SourceColumn { name: "ms".into(), data_type: DataType::Float64, path: vec!["latency".into(), "ms".into()], time_format: None };
/// let latency = ColumnSpec { column: latency, time_format: TimeFormat::Rfc3339, lenient_numbers: false };
/// let layout: Layout = [latency].into_iter().collect();
/// let decoder = Decoder::new(Arc::new(layout), 1 << 20);
/// let records = Chunk {
///     bytes: br#"{"latency":{"ms":12.5}}{"latency":"?"}{}x"#.as_slice().into(),
///     spans: vec![(0, 23), (23, 38), (38, 41)],
///     offsets: [0, 1, 2].map(Offset).to_vec(),
///     ..Chunk::default()
/// };
/// let batch = decoder.decode(records);
/// let latency = batch.columns.require(0)?;
/// let values: Vec<Value> = (0..3).map(|row| latency.value(row)).collect();
/// assert_eq!(values, [Value::Float64(12.5), Value::Null, Value::Null]);
/// assert_eq!(batch.rejects[0].message, "expected nothing behind the object at byte 2, found `x`");
/// # Ok::<(), streamgauge::decode::layout::MissingColumn>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    layout: Arc<Layout>,
    columns: Vec<ReadColumn>,
    fields: Fields,
    record_bytes_max: usize,
}

/// A column of the layout.
#[derive(Clone, Debug)]
struct ReadColumn {
    position: usize,
    column: SourceColumn,
    rules: Rules,
}

impl Decoder {
    /// A decoder for the columns of a layout; records of more than `record_bytes_max` are rejected.
    pub fn new(layout: Arc<Layout>, record_bytes_max: usize) -> Self {
        let columns = layout.iter().map(|(position, spec)| {
            let rules =
                Rules { time_format: spec.time_format.clone(), lenient_numbers: spec.lenient_numbers };
            ReadColumn { position, column: spec.column.clone(), rules }
        });
        let columns: Vec<ReadColumn> = columns.collect();
        let fields = Fields::new(columns.iter().map(|column| column.column.path.as_slice()));
        Self { layout, columns, fields, record_bytes_max }
    }

    /// The places of all values that are read, record by record; what is no record is told.
    fn scan(&self, chunk: &Chunk, rejects: &mut Vec<Reject>) -> Vec<ValueSpan> {
        let slots = self.fields.slot_count();
        let mut places = vec![ValueSpan::default(); chunk.len() * slots];
        let mut scanner = Scanner::new(&self.fields, &chunk.bytes);
        for (row, &(start, end)) in chunk.spans.iter().enumerate() {
            let record = places.get_mut(row * slots..(row + 1) * slots).unwrap_or_default();
            let (start, end) = (start as usize, (end as usize).min(chunk.bytes.len()));
            let (reason, message) = if end.saturating_sub(start) > self.record_bytes_max {
                (
                    Reason::TooLarge,
                    format!(
                        "the record is longer than {} bytes (--limit max_record_bytes)",
                        self.record_bytes_max
                    ),
                )
            } else if let Err(broken) = scanner.record(start, end, record) {
                (Reason::Malformed, message(broken, &chunk.bytes, start, end))
            } else {
                continue;
            };
            record.fill(ValueSpan::default());
            let scope = RejectScope::Record(RecordIndex(row as u32));
            rejects.push(Reject { scope, column: None, reason, message });
        }
        places
    }
}

impl Decode for Decoder {
    /// Every record is one row. A record that is no JSON object, or is too large, is rejected as a whole and NULL in every
    /// column; a value that does not fit is NULL in its own. The rejects say so by record, then column.
    fn decode(&self, chunk: Chunk) -> Batch {
        let mut rejects = Vec::new();
        let places = self.scan(&chunk, &mut rejects);
        let decoded = self.columns.iter().enumerate().map(|(number, column)| {
            let places = Places::new(&places, self.fields.slot_count(), self.fields.slot_of(number), &chunk);
            (column.position, column.decode(&places, &mut rejects))
        });
        let columns = Columns::new(self.layout.clone(), decoded);
        rejects.sort_unstable_by_key(|reject| match reject.scope {
            RejectScope::Record(RecordIndex(number)) | RejectScope::Row(RowIndex(number)) => {
                (number, reject.column)
            }
        });
        Batch { rows: RowMap::one_to_one(chunk.len()), chunk, columns, rejects }
    }
}

/// Why a record is malformed, for people.
fn message(broken: Broken, bytes: &[u8], start: usize, end: usize) -> String {
    let Broken { at, expected } = broken;
    let found = bytes.get(at.min(end)..end).filter(|found| !found.is_empty());
    let found = found.map_or("the end of the record".to_string(), |found| format!("`{}`", shorten(found)));
    format!("expected {expected} at byte {}, found {found}", at.saturating_sub(start))
}
