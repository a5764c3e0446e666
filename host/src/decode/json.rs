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

use streamgauge_common::{chunk::Chunk, reason::Reason};
use streamgauge_sql::manifest::{SourceColumn, TimeFormat};

use self::{
    columns::Places,
    fields::Fields,
    scan::{Broken, Place, Scanner},
    value::Rules,
};
use super::{Batch, Reject, shorten};

/// Reads records that are JSON objects. One decoder serves all threads.
///
/// ```
/// use streamgauge::{decode::json::Decoder, source::Chunk};
/// use streamgauge_sql::{manifest::{SourceColumn, TimeFormat}, types::{DataType, Value}};
///
/// let latency =
///     SourceColumn { name: "ms".into(), data_type: DataType::Float64, path: vec!["latency".into(), "ms".into()] };
/// let decoder = Decoder::new(&[latency], TimeFormat::Rfc3339, false, 1 << 20);
/// let records = Chunk {
///     bytes: br#"{"latency":{"ms":12.5}}{"latency":"?"}{}x"#.as_slice().into(),
///     spans: vec![(0, 23), (23, 38), (38, 41)],
///     offsets: vec![0, 1, 2],
///     ..Chunk::default()
/// };
/// let batch = decoder.decode(records);
/// let values: Vec<Value> = (0..3).map(|row| batch.columns[0].value(row)).collect();
/// assert_eq!(values, [Value::Float64(12.5), Value::Null, Value::Null]);
/// assert_eq!(batch.rejects[0].message, "expected nothing behind the object at byte 2, found `x`");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    schema: Vec<SourceColumn>,
    fields: Fields,
    rules: Rules,
    record_bytes_max: usize,
}

impl Decoder {
    /// A decoder for the columns that are read, in this order.
    ///
    /// With `lenient_numbers` numbers in quotes fit; records of more than `max_record_bytes` do not.
    pub fn new(
        schema: &[SourceColumn],
        time_format: TimeFormat,
        lenient_numbers: bool,
        max_record_bytes: usize,
    ) -> Self {
        Self {
            schema: schema.to_vec(),
            fields: Fields::new(schema),
            rules: Rules { time_format, lenient_numbers },
            record_bytes_max: max_record_bytes,
        }
    }

    /// Decodes all records of a chunk.
    ///
    /// A record that is no JSON object, or is too large, is NULL in every column; a value that does not fit is NULL in
    /// its own. The rejects say so by row, then column.
    pub fn decode(&self, chunk: Chunk) -> Batch {
        let mut rejects = Vec::new();
        let places = self.scan(&chunk, &mut rejects);
        let columns = self.schema.iter().enumerate().map(|(number, column)| {
            let places = Places::new(&places, self.fields.slot_count(), self.fields.slot_of(number), &chunk);
            self.rules.column(number, column, &places, &mut rejects)
        });
        let columns = columns.collect();
        rejects.sort_unstable_by_key(|reject| (reject.row, reject.column));
        Batch { chunk, columns, rejects }
    }

    /// The places of all values that are read, record by record; what is no record is told.
    fn scan(&self, chunk: &Chunk, rejects: &mut Vec<Reject>) -> Vec<Place> {
        let slots = self.fields.slot_count();
        let mut places = vec![Place::default(); chunk.len() * slots];
        let mut scanner = Scanner::new(&self.fields, &chunk.bytes);
        for (row, &(start, end)) in chunk.spans.iter().enumerate() {
            let record = places.get_mut(row * slots..(row + 1) * slots).unwrap_or_default();
            let (start, end) = (start as usize, (end as usize).min(chunk.bytes.len()));
            let (reason, message) = if end.saturating_sub(start) > self.record_bytes_max {
                (Reason::TooLarge, format!("the record is longer than {} bytes", self.record_bytes_max))
            } else if let Err(broken) = scanner.record(start, end, record) {
                (Reason::Malformed, message(broken, &chunk.bytes, start, end))
            } else {
                continue;
            };
            record.fill(Place::default());
            rejects.push(Reject { row: row as u32, column: None, reason, message });
        }
        places
    }
}

/// Why a record is malformed, for people.
fn message(broken: Broken, bytes: &[u8], start: usize, end: usize) -> String {
    let Broken { at, expected } = broken;
    let found = bytes.get(at.min(end)..end).filter(|found| !found.is_empty());
    let found = found.map_or("the end of the record".to_string(), |found| format!("`{}`", shorten(found)));
    format!("expected {expected} at byte {}, found {found}", at.saturating_sub(start))
}
