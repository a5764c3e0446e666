//! One partition's records to a chunk.

use rdkafka::{Message, message::BorrowedMessage};
use streamgauge_common::{
    chunk::{Chunk, ChunkLimits},
    clock::Stopwatch,
    offset::Offset,
};

/// Records that wait to be handed over together.
#[derive(Debug, Default)]
pub(super) struct ChunkBuilder {
    bytes: Vec<u8>,
    chunk: Chunk,
    /// Whether a record did not say when it was written.
    undated: bool,
}

impl ChunkBuilder {
    /// Adds a record, cut to one byte more than the limit; a record without a value is empty.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>, record_bytes_max: usize) {
        let value = message.payload().unwrap_or_default();
        let start = self.bytes.len() as u32;
        self.chunk.received.get_or_insert_with(Stopwatch::start);
        self.bytes.extend_from_slice(value.get(..=record_bytes_max).unwrap_or(value));
        self.chunk.spans.push((start, self.bytes.len() as u32));
        self.chunk.offsets.push(Offset(message.offset()));
        let written_ms = message.timestamp().to_millis();
        self.undated |= written_ms.is_none();
        self.chunk.arrived_us.push(written_ms.unwrap_or_default().saturating_mul(1000));
    }

    pub(super) fn is_full(&self, limits: &ChunkLimits) -> bool {
        self.bytes.len() >= limits.bytes || self.chunk.len() >= limits.records_max
    }

    /// What was added since the last time; none if that is nothing.
    pub(super) fn take(&mut self, partition: u32) -> Option<Chunk> {
        if self.chunk.is_empty() {
            return None;
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.partition = partition;
        chunk.bytes = self.bytes.as_slice().into();
        self.bytes.clear();
        if std::mem::take(&mut self.undated) {
            chunk.arrived_us.clear();
        }
        Some(chunk)
    }
}
