//! Which record each row of a batch is of.

use std::ops::Range;

use streamgauge_common::chunk::RecordIndex;

/// The place of a row in its batch. A row is one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIndex(pub u32);

impl RowIndex {
    /// The place as an index into a column.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The records of a batch's rows. Rows stand in the order of their records, so all rows of a record are a range.
///
/// Where every record has exactly one row nothing is kept by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMap {
    rows: usize,
    /// The record of each row; none = row `i` is of record `i`.
    records: Option<Vec<RecordIndex>>,
}

/// Rows that do not stand in the order of their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row} is of an earlier record than the row before it, or of a record that is not in the chunk")]
pub struct RowsOutOfOrder {
    /// The first row that does not.
    pub row: usize,
}

impl RowMap {
    /// Row `i` is of record `i`.
    pub fn one_to_one(records: usize) -> Self {
        Self { rows: records, records: None }
    }

    /// Row `i` is of the record `row_records[i]`; a record that is not named has no row. `records` is how many there are.
    ///
    /// # Errors
    /// Numbers that descend, or are not below `records`.
    pub fn of_records(row_records: Vec<RecordIndex>, records: usize) -> Result<Self, RowsOutOfOrder> {
        let mut least = 0;
        for (row, record) in row_records.iter().enumerate() {
            if record.index() < least || record.index() >= records {
                return Err(RowsOutOfOrder { row });
            }
            least = record.index();
        }
        let rows = row_records.len();
        let is_one_to_one =
            rows == records && row_records.iter().enumerate().all(|(row, record)| record.index() == row);
        Ok(Self { rows, records: (!is_one_to_one).then_some(row_records) })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether row `i` is of record `i`, and there are no others.
    pub fn is_one_to_one(&self) -> bool {
        self.records.is_none()
    }

    /// The record of a row; none past the end.
    pub fn record(&self, row: RowIndex) -> Option<RecordIndex> {
        match &self.records {
            None => (row.index() < self.rows).then_some(RecordIndex(row.0)),
            Some(records) => records.get(row.index()).copied(),
        }
    }

    /// The rows of a record.
    pub fn of_record(&self, record: RecordIndex) -> Range<usize> {
        self.of(record.index()..record.index() + 1)
    }

    /// The rows of a range of records.
    pub fn of(&self, records: Range<usize>) -> Range<usize> {
        let before = |end: usize| match &self.records {
            None => end.min(self.rows),
            Some(records) => records.partition_point(|record| record.index() < end),
        };
        before(records.start)..before(records.end)
    }

    /// Which of its record's rows a row is, from 0.
    pub fn index_in_record(&self, row: RowIndex) -> u32 {
        if self.is_one_to_one() {
            return 0;
        }
        let first = self.record(row).map_or(row.index(), |record| self.of_record(record).start);
        row.0 - first as u32
    }

    /// Of a range of records, numbered from 0.
    #[must_use]
    pub(super) fn part(&self, records: Range<usize>) -> Self {
        let rows = self.of(records.clone());
        let shift = |record: &RecordIndex| RecordIndex(record.0 - records.start as u32);
        let part = self.records.as_ref().and_then(|of| of.get(rows.clone()));
        Self { rows: rows.len(), records: part.map(|part| part.iter().map(shift).collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(records: &[u32], count: usize) -> Result<RowMap, RowsOutOfOrder> {
        RowMap::of_records(records.iter().map(|&record| RecordIndex(record)).collect(), count)
    }

    #[test]
    fn rows_of_a_record_are_a_range_and_a_record_may_have_none() {
        let rows = map(&[0, 0, 2, 3, 3, 3], 5).unwrap();
        let ranges: Vec<_> = (0..5).map(|record| rows.of_record(RecordIndex(record))).collect();
        assert_eq!(ranges, [0..2, 2..2, 2..3, 3..6, 6..6]);
        let places: Vec<_> = (0..6).map(|row| rows.index_in_record(RowIndex(row))).collect();
        assert_eq!(places, [0, 1, 0, 0, 1, 2]);
        assert_eq!((rows.record(RowIndex(2)), rows.record(RowIndex(6))), (Some(RecordIndex(2)), None));
        assert_eq!(rows.of(1..4), 2..6);
        assert_eq!(rows.part(1..4), map(&[1, 2, 2, 2], 3).unwrap());
        assert_eq!(map(&[], 2).unwrap().of_record(RecordIndex(1)), 0..0);
    }

    #[test]
    fn one_row_a_record_is_kept_without_a_list() {
        let rows = map(&[0, 1, 2], 3).unwrap();
        assert_eq!(rows, RowMap::one_to_one(3));
        assert!(rows.is_one_to_one() && !map(&[0, 1], 3).unwrap().is_one_to_one());
        assert_eq!((rows.of(1..9), rows.index_in_record(RowIndex(2))), (1..3, 0));
        assert_eq!(rows.part(1..3), RowMap::one_to_one(2));
        assert_eq!(rows.record(RowIndex(3)), None);
    }

    #[test]
    fn rows_out_of_order_are_refused() {
        assert_eq!(map(&[0, 2, 1], 3), Err(RowsOutOfOrder { row: 2 }));
        assert_eq!(map(&[0, 3], 3), Err(RowsOutOfOrder { row: 1 }));
    }
}
