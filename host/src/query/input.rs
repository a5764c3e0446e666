//! What comes in: the rows of a partition's records, or the rows of a view.

mod usable;

use std::ops::Range;

use streamgauge_common::{
    chunk::{Chunk, RecordIndex},
    column::Column,
    offset::Offset,
    partition::{Partition, SourceIndex},
    reason::Reason,
    row::{Identity, Rows, write_json},
};
use streamgauge_engine::Fault;
use streamgauge_sql::manifest;
use streamgauge_state::{decision::Verdict, manifest::Offsets};

use super::{QueryContext, columns::lost};
use crate::{
    decode::{
        Batch, Reject, RejectScope, RowIndex, RowMap,
        layout::{ColumnSpec, Columns},
    },
    deliver::dead_letter::DeadLetter,
};

/// Rows on their way into a query.
pub struct InputBatch<'a> {
    columns: InputColumns<'a>,
    /// How many rows.
    pub len: usize,
    /// Where they are from.
    pub origin: Origin<'a>,
    /// Whether they are the last rows of their window.
    pub ends_window: bool,
    rejects: &'a [Reject],
    /// What was decided of single records before.
    judged: Vec<Reject>,
    /// Records for which a plugin failed: why.
    quarantined: Vec<(RecordIndex, String)>,
}

/// Where rows are from.
pub enum Origin<'a> {
    /// Records of a partition, and which of them each row is of.
    Records(Partition, &'a Chunk, &'a RowMap),
    /// Rows of a view, with their names.
    View(&'a [manifest::Output], &'a Identity),
}

/// The columns that rows come in.
enum InputColumns<'a> {
    /// By their positions in the schema that the source's queries share.
    Shared(&'a Columns),
    /// The output of a view.
    View(&'a [Column]),
}

impl<'a> InputColumns<'a> {
    fn get(&self, place: usize) -> Option<&'a Column> {
        match self {
            Self::Shared(columns) => columns.get(place),
            Self::View(columns) => columns.get(place),
        }
    }

    /// How the source declares the column at a position; none for the output of a view.
    fn spec(&self, position: usize) -> Option<&'a ColumnSpec> {
        match self {
            Self::Shared(columns) => columns.layout().get(position),
            Self::View(_) => None,
        }
    }
}

impl<'a> InputBatch<'a> {
    /// Decoded records of an input.
    pub fn of_batch(source: SourceIndex, batch: &'a Batch) -> Self {
        let partition = source.partition(batch.chunk.partition);
        Self {
            columns: InputColumns::Shared(&batch.columns),
            len: batch.rows.len(),
            origin: Origin::Records(partition, &batch.chunk, &batch.rows),
            ends_window: false,
            rejects: &batch.rejects,
            judged: vec![],
            quarantined: vec![],
        }
    }

    /// Rows of a view.
    pub fn of_rows(rows: &'a Rows, names: &'a [manifest::Output], ends_window: bool) -> Self {
        let origin = Origin::View(names, &rows.identity);
        Self {
            columns: InputColumns::View(&rows.columns),
            len: rows.len,
            origin,
            ends_window,
            rejects: &[],
            judged: vec![],
            quarantined: vec![],
        }
    }

    /// The partition; a view's rows have none and count as one.
    pub fn partition(&self) -> Partition {
        match self.origin {
            Origin::Records(partition, ..) => partition,
            Origin::View(..) => SourceIndex::FIRST.partition(0),
        }
    }

    /// A record on which there is a verdict: it holds for all of its rows.
    pub(super) fn apply_verdict(&mut self, record: RecordIndex, verdict: &Verdict) {
        match verdict {
            Verdict::Plugin(why) => self.quarantined.push((record, why.clone())),
            Verdict::Future(why) => {
                let (scope, message) = (RejectScope::Record(record), why.clone());
                self.judged.push(Reject { scope, column: None, reason: Reason::Future, message });
            }
        }
    }

    /// Records for which a plugin failed, and why.
    pub(super) fn quarantined(&self) -> &[(RecordIndex, String)] {
        &self.quarantined
    }

    /// The rows of a record.
    pub(super) fn rows_of(&self, record: RecordIndex) -> Range<usize> {
        match self.origin {
            Origin::Records(_, _, rows) => rows.of_record(record),
            Origin::View(..) => 0..0,
        }
    }

    /// Records that are too far ahead of the clock for a query that reads `places`, which a replay would not find: their
    /// offsets, and what is said.
    pub(super) fn undated_future(&self, places: &[usize]) -> Vec<(Offset, String)> {
        let Origin::Records(_, chunk, rows) = self.origin else { return Vec::new() };
        if !chunk.arrived_us.is_empty() {
            return Vec::new();
        }
        let future = self.rejects.iter().filter(|reject| {
            reject.reason == Reason::Future && reject.column.is_none_or(|column| places.contains(&column))
        });
        let at = |reject: &Reject| match reject.scope {
            RejectScope::Record(record) => chunk.offset(record),
            RejectScope::Row(row) => chunk.offset(rows.record(row)?),
        };
        future.filter_map(|reject| Some((at(reject)?, reject.message.clone()))).collect()
    }

    /// What the rows made of these rows are called.
    pub(super) fn identity(&self, numbers: &[u32]) -> Identity {
        match self.origin {
            Origin::Records(partition, chunk, rows) => {
                let offset = |&row: &u32| rows.record(RowIndex(row)).and_then(|record| chunk.offset(record));
                let index = |&row: &u32| rows.index_in_record(RowIndex(row));
                let indexes = (!rows.is_one_to_one()).then(|| numbers.iter().map(index).collect());
                let offsets = numbers.iter().map(|row| offset(row).unwrap_or_default()).collect();
                Identity::Records { partition, offsets, indexes }
            }
            Origin::View(_, identity) => identity.take(numbers),
        }
    }

    /// The partition, and the offset behind its last record here; none for rows of a view.
    pub(super) fn behind(&self) -> Option<(Partition, Offset)> {
        match self.origin {
            Origin::Records(partition, chunk, _) => Some((partition, chunk.offsets.last()?.next())),
            Origin::View(..) => None,
        }
    }

    /// The end of the window that the rows are of; none for records.
    pub(super) fn window_end(&self) -> Option<i64> {
        match self.origin {
            Origin::View(_, &Identity::Window { end_us, .. }) => Some(end_us),
            Origin::View(_, Identity::Records { .. }) | Origin::Records(..) => None,
        }
    }

    /// Whether everything that is to be said of these records was said before a query went back.
    pub(super) fn was_reported(&self, reported: &Offsets) -> bool {
        self.behind().is_some_and(|(partition, next)| {
            reported.get(&partition).is_some_and(|progress| next <= progress.next)
        })
    }

    /// The columns at these places.
    ///
    /// # Errors
    /// A column that the batch was decoded without.
    pub(super) fn columns_at(&self, places: &[usize]) -> Result<Vec<&'a Column>, Fault> {
        let column = |&place: &usize| match &self.columns {
            InputColumns::Shared(columns) => columns
                .require(place)
                .map_err(|missing| Fault::deterministic("the source's reader", missing.to_string())),
            InputColumns::View(columns) => columns.get(place).ok_or_else(|| lost(place)),
        };
        places.iter().map(column).collect()
    }

    /// Writes a record or a row off, with why.
    pub(super) fn dead_letter(
        &self,
        scope: Option<RejectScope>,
        query: &str,
        reason: Reason,
        message: &str,
        emit: &mut QueryContext<'_>,
    ) {
        self.write_off(scope, query, &WriteOff { reason, message, column: None, is_also: false }, emit);
    }

    /// The same; a column may be to blame.
    fn write_off(
        &self,
        scope: Option<RejectScope>,
        query: &str,
        why: &WriteOff<'_>,
        emit: &mut QueryContext<'_>,
    ) {
        let &WriteOff { reason, message, column, is_also } = why;
        let reported = emit.reported;
        match self.origin {
            Origin::Records(partition, chunk, rows) => {
                let (record, event) = match scope {
                    None => (None, None),
                    Some(RejectScope::Record(record)) => (Some(record), None),
                    Some(RejectScope::Row(row)) => (rows.record(row), event_of(rows, row)),
                };
                let offset = record.and_then(|record| chunk.offset(record));
                let reported = reported.get(&partition).map_or(Offset::MIN, |progress| progress.next);
                if offset.is_some_and(|offset| offset < reported) && reason != Reason::Plugin {
                    return;
                }
                let place = offset.map(|offset| (partition, offset));
                let record = record.map_or(&[][..], |record| chunk.record(record.index()));
                let event = event.map(|event| format!("{event}: {message}"));
                let message = event.as_deref().unwrap_or(message);
                let letter = DeadLetter { source: "", query, place, reason, message, record };
                let column = column.and_then(|position| self.columns.spec(position));
                match is_also {
                    false => emit.dead_letter(&letter, column),
                    true => emit.also_unread(&letter, column),
                }
            }
            Origin::View(names, identity) => {
                let row = match scope {
                    Some(RejectScope::Row(row)) => row.index(),
                    Some(RejectScope::Record(_)) | None => usize::MAX,
                };
                let mut record = Vec::new();
                let names = names.iter().enumerate();
                let fields = names
                    .filter_map(|(place, output)| Some((output.name.as_str(), self.columns.get(place)?)));
                write_json(&mut record, fields, row);
                let record = &record;
                // Equal rows of different windows and groups are different letters.
                let group = identity.group(row).map(|group| format!("{message}, for {group}"));
                let message = group.as_deref().unwrap_or(message);
                let place = identity.place(row);
                let letter = DeadLetter { source: "", query, place, reason, message, record };
                emit.dead_letter(&letter, None);
            }
        }
    }
}

/// Why a record or a row is written off.
struct WriteOff<'a> {
    reason: Reason,
    message: &'a str,
    /// The position of the column that is to blame, if it is one.
    column: Option<usize>,
    /// Whether the record or row has a dead letter that names another column: then people are told, and nothing is written.
    is_also: bool,
}

/// Which event of its record a row is, for people; none where it is the only one. It keeps dead letters of one record apart.
fn event_of(rows: &RowMap, row: RowIndex) -> Option<String> {
    let count = rows.of_record(rows.record(row)?).len();
    (count > 1).then(|| format!("event {} of {count}", rows.index_in_record(row) + 1))
}
