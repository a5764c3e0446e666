//! Records of JSON, decoded.

use std::sync::Arc;

use streamgauge::decode::{
    Batch,
    format::Decode as _,
    json::Decoder,
    layout::{ColumnSpec, Layout},
};
use streamgauge_common::{
    chunk::Chunk,
    offset::Offset,
    partition::{Partition, SourceIndex},
};
use streamgauge_sql::manifest::{SourceColumn, TimeFormat};

/// A partition of the first source.
pub(crate) fn first(number: u32) -> Partition {
    SourceIndex::FIRST.partition(number)
}

/// Records of a partition from an offset on, their times in seconds.
pub(crate) fn batch(schema: &[SourceColumn], partition: u32, first: i64, records: &[String]) -> Batch {
    let mut chunk = Chunk { partition, ..Chunk::default() };
    let mut bytes = Vec::new();
    for (offset, record) in (first..).zip(records) {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(record.as_bytes());
        chunk.spans.push((start, bytes.len() as u32));
        chunk.offsets.push(Offset(offset));
    }
    chunk.bytes = bytes.into();
    let spec = |column: &SourceColumn| ColumnSpec {
        column: column.clone(),
        time_format: TimeFormat::UnixSeconds,
        lenient_numbers: false,
    };
    let layout: Layout = schema.iter().map(spec).collect();
    Decoder::new(Arc::new(layout), 1 << 20).decode(chunk)
}
