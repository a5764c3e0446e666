//! Step 1: bytes to columns, or a reason why not.
//!
//! Only the columns that some query reads are decoded; the rest of a record is skipped, not validated.

pub mod json;
pub mod pool;

use std::ops::Range;

use streamgauge_common::{chunk::Chunk, column::Column, reason::Reason};

/// A chunk with its decoded columns: row `i` of every column is record `i` of the chunk.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The records.
    pub chunk: Chunk,
    /// The decoded columns, in the order of the decoder's schema. Rows named in `rejects` are NULL.
    pub columns: Vec<Column>,
    /// What could not be used, by row.
    pub rejects: Vec<Reject>,
}

impl Batch {
    /// Some of the records, in their order.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let Chunk { partition, bytes, spans, offsets, arrived_us } = &self.chunk;
        let chunk = Chunk {
            partition: *partition,
            bytes: bytes.clone(),
            spans: spans.get(rows.clone()).unwrap_or_default().to_vec(),
            offsets: offsets.get(rows.clone()).unwrap_or_default().to_vec(),
            arrived_us: arrived_us.get(rows.clone()).unwrap_or_default().to_vec(),
        };
        let numbers: Vec<u32> = (rows.start as u32..rows.end as u32).collect();
        let rejects = self.rejects.iter().filter(|reject| rows.contains(&(reject.row as usize)));
        let rejects = rejects.map(|reject| Reject { row: reject.row - rows.start as u32, ..reject.clone() });
        Self {
            chunk,
            columns: self.columns.iter().map(|column| column.take(&numbers)).collect(),
            rejects: rejects.collect(),
        }
    }
}

/// A record, or one column of it, that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The row in its chunk.
    pub row: u32,
    /// The column of the schema; none = the record as a whole: it hurts every query.
    pub column: Option<u32>,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
}

/// The longest piece of a record in a message, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The start of a piece of a record, fit for a message: on one line, not longer than people read.
fn shorten(bytes: &[u8]) -> String {
    let start = bytes.get(..4 * SHOWN_CHARS_MAX + 1).unwrap_or(bytes);
    let text = String::from_utf8_lossy(start);
    let shown = text.chars().take(SHOWN_CHARS_MAX);
    let mut shown: String =
        shown.map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
