//! The JSON decoder from outside: a table of corner cases, and `serde_json` as an oracle.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod cases;
mod oracle;
mod order;

use std::sync::Arc;

use streamgauge::decode::{
    Batch, Reject, RejectScope,
    format::Decode,
    json::Decoder,
    layout::{ColumnSpec, Layout},
};
use streamgauge_common::{chunk::Chunk, offset::Offset, reason::Reason};
use streamgauge_sql::{
    manifest::{SourceColumn, TimeFormat, Zone},
    types::{DataType, Value},
};

const RECORD_BYTES_MAX: usize = 100_000;

fn column(path: &str, data_type: DataType) -> SourceColumn {
    SourceColumn {
        name: path.into(),
        data_type,
        path: streamgauge_sql::path::parse(path).unwrap(),
        time_format: None,
    }
}

/// A chunk of records with `between` them.
fn chunk(records: &[impl AsRef<[u8]>], between: &[u8]) -> Chunk {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for record in records {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(record.as_ref());
        spans.push((start, bytes.len() as u32));
        bytes.extend_from_slice(between);
    }
    let offsets = (0..records.len() as i64).map(Offset).collect();
    Chunk { bytes: bytes.into(), spans, offsets, ..Chunk::default() }
}

/// The record of a reject: in JSON it is the row.
fn row_of(reject: &Reject) -> usize {
    match reject.scope {
        RejectScope::Record(record) => record.index(),
        RejectScope::Row(row) => row.index(),
    }
}

/// A column's value in a row, or why there is none.
fn outcome(batch: &Batch, column: usize, row: usize) -> Result<Value, Reason> {
    assert!(batch.rows.is_one_to_one() && batch.rows.len() == batch.chunk.len());
    let about =
        |reject: &&Reject| row_of(reject) == row && reject.column.is_none_or(|rejected| rejected == column);
    let values = batch.columns.require(column).unwrap();
    let mut rejects = batch.rejects.iter().filter(about);
    let rejected = rejects.next().map(|reject| reject.reason);
    assert_eq!(rejects.next(), None, "one reason is enough");
    match rejected {
        Some(reason) => {
            assert_eq!(values.value(row), Value::Null, "what is rejected is NULL");
            Err(reason)
        }
        None => Ok(values.value(row)),
    }
}

fn decoder(schema: &[SourceColumn]) -> Decoder {
    decoder_of(schema, TimeFormat::Rfc3339, false)
}

fn decoder_of(schema: &[SourceColumn], time_format: TimeFormat, lenient_numbers: bool) -> Decoder {
    let spec = |column: &SourceColumn| ColumnSpec {
        column: column.clone(),
        time_format: time_format.clone(),
        lenient_numbers,
    };
    let layout: Layout = schema.iter().map(spec).collect();
    Decoder::new(Arc::new(layout), RECORD_BYTES_MAX)
}
