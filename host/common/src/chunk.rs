//! Records of one partition, as they are read, in one buffer.

use std::{ops::Range, sync::Arc};

use crate::{clock::Stopwatch, offset::Offset};

/// How much is read at a time. No row depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// `max_record_bytes`: a longer record is cut to one byte more, so that who decodes it sees that it is too large.
    pub record_bytes_max: usize,
    /// `batch_bytes`: how many bytes of records go into one chunk, about.
    pub bytes: usize,
    /// `batch_records`: how many records go into one chunk at most.
    pub records_max: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { record_bytes_max: 1 << 20, bytes: 512 << 10, records_max: 4096 }
    }
}

/// The place of a record in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordIndex(pub u32);

impl RecordIndex {
    /// The place as an index into the lists of a chunk.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Records of one partition, in order, bytes copied once into one buffer.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The partition's number: Kafka's, or the place of the file among its source's files.
    pub partition: u32,
    /// All records, one behind the other.
    pub bytes: Arc<[u8]>,
    /// Where each record starts and ends in `bytes`; between them there may be what belongs to none (line ends).
    pub spans: Vec<(u32, u32)>,
    /// Each record's offset: Kafka's, or its line from 0. Ascending.
    pub offsets: Vec<Offset>,
    /// When each record reached its broker, in microseconds since the epoch; empty where nobody says (files).
    pub arrived_us: Vec<i64>,
    /// When this process received the first record: how long rows take is measured from there. None in tests that do not measure it.
    pub received: Option<Stopwatch>,
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

    /// The offset of a record; none past the end.
    pub fn offset(&self, record: RecordIndex) -> Option<Offset> {
        self.offsets.get(record.index()).copied()
    }

    /// The record with this offset, if it is here.
    pub fn find(&self, offset: Offset) -> Option<RecordIndex> {
        self.offsets.binary_search(&offset).ok().map(|record| RecordIndex(record as u32))
    }

    /// How many records stand before this offset.
    pub fn records_before(&self, offset: Offset) -> usize {
        self.offsets.partition_point(|&earlier| earlier < offset)
    }

    /// Some of the records, in their order; the bytes are shared.
    #[must_use]
    pub fn part(&self, records: Range<usize>) -> Self {
        Self {
            partition: self.partition,
            bytes: Arc::clone(&self.bytes),
            spans: self.spans.get(records.clone()).unwrap_or_default().to_vec(),
            offsets: self.offsets.get(records.clone()).unwrap_or_default().to_vec(),
            arrived_us: self.arrived_us.get(records).unwrap_or_default().to_vec(),
            received: self.received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_their_offsets_and_parts_keep_theirs() {
        let chunk = Chunk {
            bytes: b"abbccc".as_slice().into(),
            spans: vec![(0, 1), (1, 3), (3, 6)],
            offsets: [5, 7, 8].map(Offset).to_vec(),
            ..Chunk::default()
        };
        assert_eq!([4, 5, 6, 7, 9].map(|offset| chunk.records_before(Offset(offset))), [0, 0, 1, 1, 3]);
        assert_eq!((chunk.find(Offset(7)), chunk.find(Offset(6))), (Some(RecordIndex(1)), None));
        let part = chunk.part(1..3);
        assert_eq!(
            (part.len(), part.record(0), part.offset(RecordIndex(1))),
            (2, &b"bb"[..], Some(Offset(8)))
        );
        assert!(part.arrived_us.is_empty() && part.offset(RecordIndex(2)).is_none());
    }
}
