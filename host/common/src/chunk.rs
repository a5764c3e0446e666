//! Records of one partition, as they are read, in one buffer.

use std::sync::Arc;

/// How many bytes of records go into one chunk, about.
pub const CHUNK_BYTES: usize = 512 << 10;
/// How many records go into one chunk at most.
pub const CHUNK_RECORDS_MAX: usize = 4096;

/// Records of one partition, in order, bytes copied once into one buffer.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The partition's number: Kafka's, or the place of the file among its source's files.
    pub partition: u32,
    /// All records, one behind the other.
    pub bytes: Arc<[u8]>,
    /// Where each record starts and ends in `bytes`; between them there may be what belongs to none (line ends).
    pub spans: Vec<(u32, u32)>,
    /// Each record's offset: Kafka's, or its line from 0.
    pub offsets: Vec<i64>,
    /// When each record reached its broker, in microseconds since the epoch; empty where nobody says (files).
    pub arrived_us: Vec<i64>,
}

impl Chunk {
    /// How many records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes of a record; empty past the end.
    #[inline]
    pub fn record(&self, row: usize) -> &[u8] {
        let span = self.spans.get(row).and_then(|&(start, end)| self.bytes.get(start as usize..end as usize));
        span.unwrap_or_default()
    }
}
