//! Which rows a query can use, and what is said of the others.

use std::collections::BTreeMap;

use streamgauge_common::{chunk::RecordIndex, column::Bitmap, reason::Reason};

use super::{InputBatch, Origin, QueryContext, Reject, RejectScope, RowIndex, WriteOff};
use crate::query::{UnreadColumns, letters::PartlyUnread};

/// Where something is to be said: of a record as a whole, before what is said of its rows, or of one row.
type LetterSubject = (RecordIndex, Option<RowIndex>);

impl InputBatch<'_> {
    /// The rows that a query that reads `places` can use, after the others became its dead letters; none = all.
    ///
    /// `time` is which of the places holds the event time of its windows: there it must not be NULL. One letter is written
    /// of a record that is rejected as a whole, and one of each other row; the first column in the order of `places` says why.
    pub(in crate::query) fn usable(
        &self,
        places: &[usize],
        time: Option<usize>,
        query: &str,
        emit: &mut QueryContext<'_>,
    ) -> Option<Vec<u32>> {
        let shown = emit.context.subscription.unread_columns;
        if shown == UnreadColumns::Shown {
            self.tell_unread(places, emit);
        }
        let mut unusable = self.unusable(places, time, shown);
        if unusable.is_empty() {
            return None;
        }
        // Stable: a row without a time is one only where nothing else is said of it.
        unusable.sort_by_key(|&(place, reject)| (place, reject.map_or(LAST, |reject| order(reject, places))));
        let mut usable = Bitmap::filled(self.len, true);
        let mut last: Option<LetterSubject> = None;
        for (place, reject) in unusable {
            // What is said of a record is said of its rows.
            if last.is_some_and(|last| last == place || last == (place.0, None)) {
                if let Some(Reject { scope, column: column @ Some(_), reason, message }) = reject {
                    let why = WriteOff { reason: *reason, message, column: *column, is_also: true };
                    self.write_off(Some(*scope), query, &why, emit);
                }
                continue;
            }
            last = Some(place);
            let why = match reject {
                Some(Reject { reason, message, column, .. }) => {
                    WriteOff { reason: *reason, message, column: *column, is_also: false }
                }
                None => {
                    let column = time.and_then(|time| places.get(time)).copied();
                    WriteOff {
                        reason: Reason::NullTime,
                        message: "the event time is missing or null",
                        column,
                        is_also: false,
                    }
                }
            };
            let (scope, rows) = match place {
                (record, None) => (RejectScope::Record(record), self.rows_of(record)),
                (_, Some(row)) => (RejectScope::Row(row), row.index()..row.index() + 1),
            };
            self.write_off(Some(scope), query, &why, emit);
            rows.for_each(|row| usable.set(row, false));
        }
        if usable.count_ones() == self.len {
            // Records without rows were rejected.
            return None;
        }
        Some((0..self.len as u32).filter(|&row| usable.get(row as usize)).collect())
    }

    /// Everything that keeps a query from using a record or a row; none = the row has no time.
    fn unusable(
        &self,
        places: &[usize],
        time: Option<usize>,
        unread: UnreadColumns,
    ) -> Vec<(LetterSubject, Option<&Reject>)> {
        let hurts = |reject: &&Reject| match reject.column {
            Some(column) => unread == UnreadColumns::DeadLetter && places.contains(&column),
            None => true,
        };
        let rejected = self.judged.iter().chain(self.rejects).filter(hurts);
        let rejected = rejected.filter_map(|reject| Some((self.place(reject.scope)?, Some(reject))));
        // The rows of a view have the time of their window.
        let time = time.filter(|_| !matches!(self.origin, Origin::View(..)));
        let times = time.and_then(|time| places.get(time)).and_then(|&place| self.columns.get(place));
        let timeless = times.filter(|times| times.valid.is_some()).into_iter().flat_map(|times| {
            let rows = (0..self.len as u32).filter(|&row| !times.is_valid(row as usize));
            rows.filter_map(|row| Some((self.place(RejectScope::Row(RowIndex(row)))?, None)))
        });
        rejected.chain(timeless).collect()
    }

    /// Tells of each record all of its columns that cannot be read, in the order of `places`.
    fn tell_unread(&self, places: &[usize], emit: &mut QueryContext<'_>) {
        let Origin::Records(partition, chunk, _) = self.origin else { return };
        let mut unread: BTreeMap<LetterSubject, Vec<(usize, &Reject)>> = BTreeMap::new();
        for reject in self.rejects {
            let rank = reject.column.and_then(|column| places.iter().position(|&place| place == column));
            if let (Some(rank), Some(subject)) = (rank, self.place(reject.scope)) {
                unread.entry(subject).or_default().push((rank, reject));
            }
        }
        for ((record, _), mut rejects) in unread {
            let Some(offset) = chunk.offset(record) else { continue };
            rejects.sort_by_key(|(rank, _)| *rank);
            let column = |reject: &Reject| reject.column.and_then(|column| self.columns.spec(column));
            let columns: Vec<_> = rejects
                .into_iter()
                .map(|(_, reject)| (reject.reason, reject.message.as_str(), column(reject)))
                .collect();
            let (place, record) = ((partition, offset), chunk.record(record.index()));
            emit.context.tell_unread(PartlyUnread { place, record, columns: &columns });
        }
    }

    /// Where something is to be said. The only row of a record is the record.
    fn place(&self, scope: RejectScope) -> Option<LetterSubject> {
        match (&self.origin, scope) {
            (Origin::Records(..), RejectScope::Record(record)) => Some((record, None)),
            (Origin::Records(_, _, rows), RejectScope::Row(row)) => {
                let record = rows.record(row)?;
                Some((record, (rows.of_record(record).len() > 1).then_some(row)))
            }
            // Rows of a view have no records: each stands by itself.
            (Origin::View(..), RejectScope::Row(row)) => Some((RecordIndex(row.0), Some(row))),
            (Origin::View(..), RejectScope::Record(_)) => None,
        }
    }
}

/// Which of several rejects says why: one of the whole record or row first, then by column; last what is only too far ahead.
type Order = (bool, Option<usize>);

/// Behind all rejects.
const LAST: Order = (true, Some(usize::MAX));

fn order(reject: &Reject, places: &[usize]) -> Order {
    let rank = |column: usize| places.iter().position(|&place| place == column);
    (reject.reason == Reason::Future, reject.column.and_then(rank))
}
