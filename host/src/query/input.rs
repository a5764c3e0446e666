//! What comes in: decoded records of a partition, or the rows of a view.

use streamgauge_common::{
    chunk::Chunk,
    column::{Bitmap, Column},
    reason::Reason,
    row::{Identity, Rows, write_json},
};
use streamgauge_sql::manifest;
use streamgauge_state::{decision::Verdict, manifest::Offsets};

use super::EmitContext;
use crate::{
    decode::{Batch, Reject},
    deliver::dead_letter::DeadLetter,
};

/// Rows on their way into a query.
pub struct InputBatch<'a> {
    columns: &'a [Column],
    /// How many rows.
    pub len: usize,
    /// Where they are from.
    pub origin: Origin<'a>,
    rejects: &'a [Reject],
    /// What was decided of single records before.
    judged: Vec<Reject>,
    /// Records for which a plugin failed: why.
    quarantined: Vec<(u32, String)>,
}

/// Where rows are from.
pub enum Origin<'a> {
    /// Records of a partition.
    Records(&'a Chunk),
    /// Rows of a view, with their names.
    View(&'a [manifest::Output], &'a Identity),
}

impl<'a> InputBatch<'a> {
    /// Decoded records.
    pub fn of_batch(batch: &'a Batch) -> Self {
        let origin = Origin::Records(&batch.chunk);
        Self {
            columns: &batch.columns,
            len: batch.chunk.len(),
            origin,
            rejects: &batch.rejects,
            judged: vec![],
            quarantined: vec![],
        }
    }

    /// Rows of a view.
    pub fn of_rows(rows: &'a Rows, names: &'a [manifest::Output]) -> Self {
        let origin = Origin::View(names, &rows.identity);
        Self {
            columns: &rows.columns,
            len: rows.len,
            origin,
            rejects: &[],
            judged: vec![],
            quarantined: vec![],
        }
    }

    /// The partition; a view's rows have none and count as one.
    pub fn partition(&self) -> u32 {
        match self.origin {
            Origin::Records(chunk) => chunk.partition,
            Origin::View(..) => 0,
        }
    }

    /// A record on which there is a verdict.
    pub(super) fn judge(&mut self, row: u32, verdict: &Verdict) {
        match verdict {
            Verdict::Plugin(why) => self.quarantined.push((row, why.clone())),
            Verdict::Future(why) => {
                let message = why.clone();
                self.judged.push(Reject { row, column: None, reason: Reason::Future, message });
            }
        }
    }

    /// Records for which a plugin failed, and why.
    pub(super) fn quarantined(&self) -> &[(u32, String)] {
        &self.quarantined
    }

    /// Records that are too far ahead of the clock, which a replay would not find: their offsets, and what is said.
    pub(super) fn undated_future(&self) -> Vec<(i64, String)> {
        let Origin::Records(chunk) = self.origin else { return Vec::new() };
        if !chunk.arrived_us.is_empty() {
            return Vec::new();
        }
        let future = self.rejects.iter().filter(|reject| reject.reason == Reason::Future);
        future
            .filter_map(|reject| Some((*chunk.offsets.get(reject.row as usize)?, reject.message.clone())))
            .collect()
    }

    /// What the rows made of these records are called.
    pub(super) fn identity(&self, rows: &[u32]) -> Identity {
        match self.origin {
            Origin::Records(chunk) => {
                let offset = |&row: &u32| chunk.offsets.get(row as usize).copied().unwrap_or_default();
                Identity::Records { partition: chunk.partition, offsets: rows.iter().map(offset).collect() }
            }
            Origin::View(_, identity) => identity.take(rows),
        }
    }

    /// The partition, and the offset behind its last record here; none for rows of a view.
    pub(super) fn behind(&self) -> Option<(u32, i64)> {
        match self.origin {
            Origin::Records(chunk) => Some((chunk.partition, chunk.offsets.last()? + 1)),
            Origin::View(..) => None,
        }
    }

    /// Whether everything that is to be said of these records was said before a query went back.
    pub(super) fn was_told(&self, told: &Offsets) -> bool {
        self.behind().is_some_and(|(partition, next)| {
            told.get(&partition).is_some_and(|progress| next <= progress.next)
        })
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
        scope: &mut EmitContext<'_>,
    ) -> Option<Vec<u32>> {
        let hurts = |reject: &&Reject| reject.column.is_none_or(|column| places.contains(&(column as usize)));
        let times = time.and_then(|time| places.get(time)).and_then(|&place| self.columns.get(place));
        let timeless = times.filter(|times| times.valid.is_some()).into_iter().flat_map(|times| {
            (0..self.len as u32).filter(|&row| !times.is_valid(row as usize)).map(|row| (row, None))
        });
        let rejected = self.rejects.iter().chain(&self.judged);
        let rejected = rejected.filter(hurts).map(|reject| (reject.row, Some(reject)));
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
            self.dead_letter(Some(row), query, reason, message, scope);
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
        scope: &mut EmitContext<'_>,
    ) {
        let EmitContext { context, told, .. } = scope;
        let row = row.map_or(usize::MAX, |row| row as usize);
        match self.origin {
            Origin::Records(chunk) => {
                let offset = chunk.offsets.get(row).copied();
                let told = told.get(&chunk.partition).map_or(i64::MIN, |progress| progress.next);
                if offset.is_some_and(|offset| offset < told) && reason != Reason::Plugin {
                    return;
                }
                let place = offset.map(|offset| (chunk.partition, offset));
                let record = chunk.record(row);
                context.dead_letter(&DeadLetter { source: "", query, place, reason, message, record });
            }
            Origin::View(names, _) => {
                let mut record = Vec::new();
                let names = names.iter().map(|output| output.name.as_str());
                write_json(&mut record, names.zip(self.columns), row);
                let record = &record;
                context.dead_letter(&DeadLetter { source: "", query, place: None, reason, message, record });
            }
        }
    }
}
