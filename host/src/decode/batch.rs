//! A chunk with its decoded columns.

use std::{collections::BTreeSet, ops::Range};

use streamgauge_common::{
    chunk::{Chunk, RecordIndex},
    reason::Reason,
};

use super::{
    layout::Columns,
    rows::{RowIndex, RowMap},
};

/// A chunk with its decoded columns. Each row is one event; `rows` says of which record.
///
/// Offsets, positions and decisions are of records, so a batch is only ever divided between two records.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The records.
    pub chunk: Chunk,
    /// The record of each row.
    pub rows: RowMap,
    /// The decoded columns, one value a row. What is named in `rejects` is NULL.
    pub columns: Columns,
    /// What could not be used.
    pub rejects: Vec<Reject>,
}

/// A record, an event, or one column of it, that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What cannot be used.
    pub scope: RejectScope,
    /// The position of the column that is to blame: it hurts the queries that read it. None = it hurts every query.
    pub column: Option<usize>,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
}

/// What a reject takes out, and what a dead letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectScope {
    /// A record with all of its rows, if it has any.
    Record(RecordIndex),
    /// One row.
    Row(RowIndex),
}

impl Batch {
    /// Whether the batch was decoded with the columns at all these positions.
    pub fn has(&self, positions: &[usize]) -> bool {
        positions.iter().all(|&position| self.columns.get(position).is_some())
    }

    /// How many events were read: rows, and records that could not be decoded to any.
    pub fn events(&self) -> u64 {
        let undecoded = match self.rows.is_one_to_one() {
            true => 0,
            false => {
                let without_rows = |reject: &Reject| match reject.scope {
                    RejectScope::Record(record) if self.rows.of_record(record).is_empty() => Some(record),
                    _ => None,
                };
                self.rejects.iter().filter_map(without_rows).collect::<BTreeSet<_>>().len()
            }
        };
        (self.rows.len() + undecoded) as u64
    }

    /// Some of the records with their rows, in their order.
    #[must_use]
    pub fn part(&self, records: Range<usize>) -> Self {
        let rows = self.rows.of(records.clone());
        let numbers: Vec<u32> = (rows.start as u32..rows.end as u32).collect();
        let moved = |reject: &Reject| {
            let scope = match reject.scope {
                RejectScope::Record(record) if records.contains(&record.index()) => {
                    RejectScope::Record(RecordIndex(record.0 - records.start as u32))
                }
                RejectScope::Row(row) if rows.contains(&row.index()) => {
                    RejectScope::Row(RowIndex(row.0 - rows.start as u32))
                }
                _ => return None,
            };
            Some(Reject { scope, ..reject.clone() })
        };
        Self {
            chunk: self.chunk.part(records.clone()),
            rows: self.rows.part(records.clone()),
            columns: self.columns.take(&numbers),
            rejects: self.rejects.iter().filter_map(moved).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streamgauge_common::{
        column::{Column, Values},
        offset::Offset,
    };

    use super::*;
    use crate::decode::layout::{ColumnSpec, Layout};
    use streamgauge_sql::{
        manifest::{SourceColumn, TimeFormat},
        types::DataType,
    };

    /// Four records with two, no, no and three rows; the second could not be decoded, the third is empty.
    fn batch() -> Batch {
        let name = || "n".to_owned();
        let column = SourceColumn {
            name: name(),
            data_type: DataType::Int64,
            path: vec![name().into()],
            time_format: None,
        };
        let spec = ColumnSpec { column, time_format: TimeFormat::Rfc3339, lenient_numbers: false };
        let layout: Arc<Layout> = Arc::new([spec].into_iter().collect());
        let values = Column { values: Values::Int64((0..5).collect()), valid: None };
        let records = [0, 0, 3, 3, 3].map(RecordIndex).to_vec();
        let reject =
            |scope, column| Reject { scope, column, reason: Reason::Malformed, message: String::new() };
        Batch {
            chunk: Chunk {
                spans: vec![(0, 0); 4],
                offsets: [10, 12, 13, 14].map(Offset).to_vec(),
                ..Chunk::default()
            },
            rows: RowMap::of_records(records, 4).unwrap(),
            columns: Columns::new(layout, [(0, values)]),
            rejects: vec![
                reject(RejectScope::Record(RecordIndex(1)), None),
                reject(RejectScope::Row(RowIndex(1)), Some(0)),
                reject(RejectScope::Row(RowIndex(4)), Some(0)),
            ],
        }
    }

    fn numbers(batch: &Batch) -> &[i64] {
        match &batch.columns.get(0).unwrap().values {
            Values::Int64(values) => values,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_batch_is_divided_between_records() {
        let batch = batch();
        let (first, second) = (batch.part(0..1), batch.part(1..4));
        assert_eq!((numbers(&first), numbers(&second)), (&[0, 1][..], &[2, 3, 4][..]));
        assert_eq!(
            (first.chunk.offsets, &second.chunk.offsets),
            (vec![Offset(10)], &[12, 13, 14].map(Offset).to_vec())
        );
        assert_eq!(second.rows.of_record(RecordIndex(2)), 0..3);
        let scopes = |batch: &Batch| batch.rejects.iter().map(|reject| reject.scope).collect::<Vec<_>>();
        assert_eq!(
            first.rejects.iter().map(|reject| reject.scope).collect::<Vec<_>>(),
            [RejectScope::Row(RowIndex(1))]
        );
        assert_eq!(scopes(&second), [RejectScope::Record(RecordIndex(0)), RejectScope::Row(RowIndex(2))]);
        assert!(batch.part(2..3).rows.is_empty() && batch.part(2..3).rejects.is_empty());
    }

    #[test]
    fn events_are_rows_and_records_that_could_not_be_decoded() {
        let mut batch = batch();
        assert_eq!(batch.events(), 6, "an empty record is no event");
        assert_eq!(batch.part(1..3).events(), 1);
        // Rejected though it has rows: they are what is counted.
        let whole = Reject { scope: RejectScope::Record(RecordIndex(3)), ..batch.rejects[0].clone() };
        batch.rejects.push(whole);
        assert_eq!(batch.events(), 6);
    }

    #[test]
    fn a_batch_says_which_columns_it_has() {
        let batch = batch();
        assert!(batch.has(&[]) && batch.has(&[0]) && !batch.has(&[0, 1]));
        assert_eq!(batch.columns.require(1).unwrap_err().position, 1);
    }
}
