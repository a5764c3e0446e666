//! Records as chunks, decoded from JSON, and read from a file.

use std::{path::PathBuf, sync::Arc, time::Duration};

use streamgauge::{
    decode::{
        Batch,
        format::Decode as _,
        json::Decoder,
        layout::{ColumnSpec, Layout},
        schema::SharedSchema,
    },
    pipeline::{
        FaultLimits, Source,
        reader::{self, ReaderLimits},
    },
    source::input_file::InputFiles,
    timings::Timings,
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

/// How a column is read; times in seconds.
pub(crate) fn spec(column: &SourceColumn) -> ColumnSpec {
    ColumnSpec { column: column.clone(), time_format: TimeFormat::UnixSeconds, lenient_numbers: false }
}

/// Records of a partition from an offset on.
pub(crate) fn chunk(partition: u32, first: i64, records: &[impl AsRef<str>]) -> Chunk {
    let mut chunk = Chunk { partition, ..Chunk::default() };
    let mut bytes = Vec::new();
    for (offset, record) in (first..).zip(records) {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(record.as_ref().as_bytes());
        chunk.spans.push((start, bytes.len() as u32));
        chunk.offsets.push(Offset(offset));
    }
    chunk.bytes = bytes.into();
    chunk
}

/// Records of a partition from an offset on, decoded; their times in seconds.
pub(crate) fn batch(schema: &[SourceColumn], partition: u32, first: i64, records: &[String]) -> Batch {
    let layout: Layout = schema.iter().map(spec).collect();
    Decoder::new(Arc::new(layout), 1 << 20).decode(chunk(partition, first, records))
}

/// A file as the only partition of a source, read from where a task stands.
pub(crate) fn file_source(path: PathBuf, schema: Arc<SharedSchema>, timings: Arc<Timings>) -> Source {
    Source {
        name: "s".into(),
        open: Box::new(move |from| {
            let (files, limits) = (InputFiles::new([path.clone()]), ReaderLimits::default());
            reader::files(&files, &from.offsets, schema.clone(), limits, timings.clone())
                .map_err(|error| error.to_string())
        }),
        once: false,
        rejoin: None,
        skew_guard: None,
        checkpoint_interval: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(5),
        faults: FaultLimits::default(),
    }
}
