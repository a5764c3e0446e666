//! What comes in: decoded records of a partition, or the rows of a view.

use streamgauge_sql::manifest;

use super::Context;
use crate::{
    column::{Bitmap, Column},
    decode::{Batch, Reason, Reject},
    deliver::dead_letter::DeadLetter,
    row::{Rows, write_json},
    source::Chunk,
};

/// Rows on their way into a query.
pub struct Incoming<'a> {
    columns: &'a [Column],
    /// How many rows.
    pub len: usize,
    /// Where they are from.
    pub origin: Origin<'a>,
    rejects: &'a [Reject],
}

/// Where rows are from.
pub enum Origin<'a> {
    /// Records of a partition.
    Records(&'a Chunk),
    /// Rows of a view, with their names.
    View(&'a [manifest::Output]),
}

impl<'a> Incoming<'a> {
    /// Decoded records.
    pub fn of_batch(batch: &'a Batch) -> Self {
        let origin = Origin::Records(&batch.chunk);
        Self { columns: &batch.columns, len: batch.chunk.len(), origin, rejects: &batch.rejects }
    }

    /// Rows of a view.
    pub fn of_rows(rows: &'a Rows, names: &'a [manifest::Output]) -> Self {
        Self { columns: &rows.columns, len: rows.len, origin: Origin::View(names), rejects: &[] }
    }

    /// The partition; a view's rows have none and count as one.
    pub fn partition(&self) -> u32 {
        match self.origin {
            Origin::Records(chunk) => chunk.partition,
            Origin::View(_) => 0,
        }
    }

    /// The columns at these places.
    pub(super) fn columns_at(&self, places: &[usize]) -> impl Iterator<Item = &'a Column> {
        places.iter().filter_map(|&place| self.columns.get(place))
    }

    /// The rows that a query that reads `places` can use, after the others became its dead letters; none = all.
    ///
    /// `time` is which of the places holds the event time of its windows: there it must not be NULL.
    pub(super) fn usable(
        &self,
        places: &[usize],
        time: Option<usize>,
        query: &str,
        context: &mut Context,
    ) -> Option<Vec<u32>> {
        let hurts = |reject: &&Reject| reject.column.is_none_or(|column| places.contains(&(column as usize)));
        let times = time.and_then(|time| places.get(time)).and_then(|&place| self.columns.get(place));
        let timeless = times.filter(|times| times.valid.is_some()).into_iter().flat_map(|times| {
            (0..self.len as u32).filter(|&row| !times.is_valid(row as usize)).map(|row| (row, None))
        });
        let rejected = self.rejects.iter().filter(hurts).map(|reject| (reject.row, Some(reject)));
        let mut unusable: Vec<(u32, Option<&Reject>)> = rejected.chain(timeless).collect();
        // Stable: the first reject of a row says why, and a row without a time only where nothing else does.
        unusable.sort_by_key(|&(row, _)| row);
        unusable.dedup_by_key(|(row, _)| *row);
        let mut usable = Bitmap::filled(self.len, true);
        for (row, reject) in unusable {
            let (reason, message) = match reject {
                Some(reject) => (reject.reason, reject.message.as_str()),
                None => (Reason::NullTime, "the event time is missing or null"),
            };
            self.dead_letter(Some(row), query, reason, message, context);
            usable.set(row as usize, false);
        }
        if usable.count_ones() == self.len {
            return None;
        }
        Some((0..self.len as u32).filter(|&row| usable.get(row as usize)).collect())
    }

    /// Writes a row off, with why.
    pub(super) fn dead_letter(
        &self,
        row: Option<u32>,
        query: &str,
        reason: Reason,
        message: &str,
        context: &mut Context,
    ) {
        let row = row.map_or(usize::MAX, |row| row as usize);
        match self.origin {
            Origin::Records(chunk) => {
                let offset = chunk.offsets.get(row).copied();
                let place = offset.map(|offset| (chunk.partition, offset));
                let record = chunk.record(row);
                context.dead_letter(&DeadLetter { source: "", query, place, reason, message, record });
            }
            Origin::View(names) => {
                let mut record = Vec::new();
                let names = names.iter().map(|output| output.name.as_str());
                write_json(&mut record, names.zip(self.columns), row);
                let record = &record;
                context.dead_letter(&DeadLetter { source: "", query, place: None, reason, message, record });
            }
        }
    }
}
