//! Step 1: bytes to columns, or a reason why not.
//!
//! Only the columns that some query reads are decoded; the rest of a record is skipped, not validated.

pub mod json;
pub mod pool;

use std::ops::Range;

use crate::{column::Column, source::Chunk};

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

/// Why a row became a dead letter: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `malformed`: not exactly one balanced JSON object, or invalid UTF-8 in what is read.
    Malformed,
    /// `too_large`: longer than `max_record_bytes`.
    TooLarge,
    /// `wrong_type`: a column that is read does not fit its type.
    WrongType,
    /// `out_of_range`: a number or a time beyond its type.
    OutOfRange,
    /// `null_time`: no event time.
    NullTime,
    /// `future`: further ahead than `max_future_skew`.
    Future,
    /// `overflow`: an expression's result does not fit.
    Overflow,
    /// `division_by_zero`: in an expression.
    DivisionByZero,
    /// `invalid_cast`: a text that is not of the type it is cast to.
    InvalidCast,
    /// `evaluate`: a reducer has no value for a group.
    Evaluate,
    /// `group_limit`: a new group beyond `max_groups`.
    GroupLimit,
    /// `plugin`: a plugin fails for this record.
    Plugin,
    /// `late`: the event came when all its windows were closed. Counted as late, not as a dead letter.
    Late,
    /// `rejected`: a sink's receiver will never take this row.
    Rejected,
}

impl Reason {
    /// The word in a dead letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::NullTime => "null_time",
            Self::Future => "future",
            Self::Overflow => "overflow",
            Self::DivisionByZero => "division_by_zero",
            Self::InvalidCast => "invalid_cast",
            Self::Evaluate => "evaluate",
            Self::GroupLimit => "group_limit",
            Self::Plugin => "plugin",
            Self::Late => "late",
            Self::Rejected => "rejected",
        }
    }
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
