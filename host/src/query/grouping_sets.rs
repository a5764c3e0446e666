//! GROUPING SETS: each row of a batch once for each set, with the keys that the set leaves out as NULL and the set's number behind them.
//!
//! The copies of a row stand side by side and have its time. So its first copy leaves the watermark of the partition where the others find
//! every window open that was open for the row: all of them are late or none is.

use streamgauge_common::column::{Bitmap, Column, DataType, Value};
use streamgauge_engine::{FoldBatch, Folded};

/// The rows of a batch, each as often as there are sets.
pub(super) struct Copies {
    sets: usize,
    /// Of each copy, which row it is.
    rows: Vec<u32>,
    times: Column,
    kept: Option<Bitmap>,
    keys: Vec<Column>,
    arguments: Vec<Vec<Column>>,
}

impl Copies {
    /// `keys` are the keys without the set number.
    pub(super) fn new(batch: &FoldBatch<'_>, sets: &[i64]) -> Self {
        let len = batch.times.len() as u32;
        let rows: Vec<u32> = (0..len).flat_map(|row| sets.iter().map(move |_| row)).collect();
        let kept = batch.kept.map(|kept| {
            let mut copies = Bitmap::filled(0, true);
            rows.iter().for_each(|&row| copies.push(kept.get(row as usize)));
            copies
        });
        let numbers = || rows.iter().zip(sets.iter().cycle()).map(|(_, &number)| number);
        let mut keys: Vec<Column> = batch.keys.iter().map(|key| key.take(&rows)).collect();
        for (at, key) in keys.iter_mut().enumerate() {
            let valid = key.valid.get_or_insert_with(|| Bitmap::filled(rows.len(), true));
            for (copy, number) in numbers().enumerate() {
                if number >> at & 1 == 1 {
                    valid.set(copy, false);
                }
            }
        }
        let mut set_numbers = Column::empty(DataType::Int64);
        numbers().for_each(|number| set_numbers.push(&Value::Int64(number)));
        keys.push(set_numbers);
        let arguments = batch.arguments.iter();
        let arguments = arguments.map(|columns| columns.iter().map(|column| column.take(&rows)).collect());
        let (arguments, times) = (arguments.collect(), batch.times.take(&rows));
        Self { sets: sets.len(), rows, times, kept, keys, arguments }
    }

    /// Of each copy, which row it is.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Calls `fold` with the copies, and says of the rows what it says of their copies.
    pub(super) fn fold<E>(
        &self,
        fold: impl FnOnce(&FoldBatch<'_>) -> Result<Folded, E>,
    ) -> Result<Folded, E> {
        let keys: Vec<&Column> = self.keys.iter().collect();
        let arguments: Vec<Vec<&Column>> =
            self.arguments.iter().map(|columns| columns.iter().collect()).collect();
        let (times, kept) = (&self.times, self.kept.as_ref());
        let folded = fold(&FoldBatch { times, kept, keys: &keys, arguments: &arguments })?;
        Ok(self.of_rows(folded))
    }

    fn of_rows(&self, copies: Folded) -> Folded {
        let row = |copy: u32| self.rows.get(copy as usize).copied().unwrap_or_default();
        let rows = |copies: Vec<u32>| {
            let mut rows: Vec<u32> = copies.into_iter().map(row).collect();
            rows.dedup();
            rows
        };
        let mut late_rows = copies.late_rows;
        late_rows.iter_mut().for_each(|late| late.row = row(late.row));
        late_rows.dedup_by_key(|late| late.row);
        let sets = self.sets as u64;
        Folded {
            late: late_rows.len() as u64,
            late_rows,
            late_partial: copies.late_partial.div_ceil(sets),
            unwanted: copies.unwanted.div_ceil(sets),
            rejected: rows(copies.rejected),
            out_of_range: rows(copies.out_of_range),
        }
    }
}
