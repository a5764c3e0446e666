//! What is delivered: rows of one query, with their windows and idempotency keys.

use crate::{BytesList, Cell, ColumnView, DataType, bit, column::text};

/// What comes: rows of one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The query's name.
    pub query: String,
    /// The columns of its rows, in order.
    pub columns: Vec<SchemaColumn>,
}

/// One column of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaColumn {
    /// As in the SELECT list; upper and lower case count.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
}

/// What a row means for rows that were delivered before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is the first of its window and group.
    Insert,
    /// It takes the place of the one with the next smaller revision.
    Update,
    /// The one before no longer holds.
    Delete,
}

/// Rows to deliver, in the order in which they were decided; one item of every list a row.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries<'a> {
    /// The idempotency keys: texts that are the same after any crash.
    pub keys: &'a BytesList,
    /// The order numbers in the outbox, rising.
    pub sequences: &'a [u64],
    /// What each row means.
    pub operations: &'a [Operation],
    /// How often the row of this window and group has changed before.
    pub revisions: &'a [u32],
    /// The windows of the rows; none = the query has no windows.
    pub windows: Option<Windows<'a>>,
    /// The values, in the order of the schema.
    pub columns: &'a [ColumnView<'a>],
}

/// The windows that rows are of.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub starts: &'a [i64],
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub ends: &'a [i64],
    /// A bitmap, least bit first: 1 = forced.
    pub forced: &'a [u8],
}

/// The window of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant, in microseconds since 1970-01-01T00:00:00Z.
    pub start: i64,
    /// The first instant behind it.
    pub end: i64,
    /// Whether it was closed before all partitions had reached its end.
    pub forced: bool,
}

/// One delivery.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    deliveries: &'a Deliveries<'a>,
    number: usize,
}

impl Deliveries<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// One by one, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|number| Row { deliveries: self, number })
    }
}

impl<'a> Row<'a> {
    /// The idempotency key.
    pub fn key(&self) -> &'a str {
        self.deliveries.keys.get(self.number).map(text).unwrap_or_default()
    }

    /// The order number in the outbox.
    pub fn sequence(&self) -> u64 {
        self.deliveries.sequences.get(self.number).copied().unwrap_or_default()
    }

    /// What the row means.
    pub fn operation(&self) -> Operation {
        self.deliveries.operations.get(self.number).copied().unwrap_or(Operation::Insert)
    }

    /// How often the row of this window and group has changed before.
    pub fn revision(&self) -> u32 {
        self.deliveries.revisions.get(self.number).copied().unwrap_or_default()
    }

    /// The window that it is of.
    pub fn window(&self) -> Option<Window> {
        let Windows { starts, ends, forced } = self.deliveries.windows?;
        let (&start, &end) = starts.get(self.number).zip(ends.get(self.number))?;
        Some(Window { start, end, forced: bit(forced, self.number) })
    }

    /// The value of a column; none = NULL.
    pub fn value(&self, column: usize) -> Option<Cell<'a>> {
        self.deliveries.columns.get(column)?.cell(self.number)
    }

    /// The values in the order of the schema; none = NULL.
    pub fn values(&self) -> impl Iterator<Item = Option<Cell<'a>>> + use<'a> {
        let number = self.number;
        self.deliveries.columns.iter().map(move |column| column.cell(number))
    }
}
