//! Event times that are too far ahead.

use streamgauge_common::{chunk::RecordIndex, column::Values, reason::Reason};

use crate::decode::{Batch, Reject, RejectScope, RowIndex, layout::ColumnSpec};

/// The guard against event times that would close windows too early.
#[derive(Clone, Debug)]
pub struct SkewGuard {
    /// The column with the event time. Where no query reads it, no time is looked at.
    pub time: ColumnSpec,
    /// How far ahead it may be, in microseconds.
    pub max_skew_us: i64,
}

/// Turns events that are too far ahead of their record into dead letters.
///
/// The measure is the time at which the record reached its broker: then an event stands for itself. Where nobody knows that
/// time the measure is `now_us`, and a replay repeats what is decided here by a verdict, which is of a record: so the whole
/// record is a dead letter where one of its events is too far ahead.
pub(super) fn reject_future(batch: &mut Batch, future: &SkewGuard, now_us: i64) {
    let Some(position) = batch.columns.layout().position(&future.time) else { return };
    let Some(column) = batch.columns.get(position) else { return };
    let Values::Timestamp(times) = &column.values else { return };
    let mut last: Option<RecordIndex> = None;
    for (row, &time) in (0_u32..).map(RowIndex).zip(times) {
        let Some(record) = batch.rows.record(row) else { break };
        let arrived_us = batch.chunk.arrived_us.get(record.index()).copied();
        let measure_us = arrived_us.unwrap_or(now_us);
        if time <= measure_us.saturating_add(future.max_skew_us) || !column.is_valid(row.index()) {
            continue;
        }
        let scope = match arrived_us {
            Some(_) => RejectScope::Row(row),
            None if last.replace(record) == Some(record) => continue,
            None => RejectScope::Record(record),
        };
        batch.rejects.push(Reject {
            scope,
            column: Some(position),
            reason: Reason::Future,
            message: format!(
                "the event time is {} ahead of its record, more than max_future_skew",
                ahead(time.saturating_sub(measure_us) / 1_000_000)
            ),
        });
    }
}

/// Seconds, or days where there are many.
fn ahead(seconds: i64) -> String {
    const DAY: i64 = 86_400;
    if seconds < 2 * DAY { format!("{seconds} s") } else { format!("{} days", seconds / DAY) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streamgauge_common::{chunk::Chunk, column::Column, offset::Offset};
    use streamgauge_sql::{
        manifest::{SourceColumn, TimeFormat},
        types::DataType,
    };

    use super::*;
    use crate::decode::{
        RowMap,
        layout::{Columns, Layout},
    };

    fn time() -> ColumnSpec {
        let column = SourceColumn {
            name: "ts".into(),
            data_type: DataType::Timestamp,
            path: vec!["ts".into()],
            time_format: None,
        };
        ColumnSpec { column, time_format: TimeFormat::UnixSeconds, lenient_numbers: false }
    }

    /// What is rejected of records with two events, none, three events and one, each a second later than the one before.
    fn rejected(arrived_us: Vec<i64>, now_us: i64) -> Vec<RejectScope> {
        let layout: Arc<Layout> = Arc::new([time()].into_iter().collect());
        let times = (0..6).map(|second| second * 1_000_000).collect();
        let times = Column { values: Values::Timestamp(times), valid: None };
        let mut batch = Batch {
            chunk: Chunk {
                spans: vec![(0, 0); 4],
                offsets: [0, 1, 2, 3].map(Offset).to_vec(),
                arrived_us,
                ..Chunk::default()
            },
            rows: RowMap::of_records([0, 0, 2, 2, 2, 3].map(RecordIndex).to_vec(), 4).unwrap(),
            columns: Columns::new(layout, [(0, times)]),
            rejects: Vec::new(),
        };
        reject_future(&mut batch, &SkewGuard { time: time(), max_skew_us: 500_000 }, now_us);
        batch.rejects.iter().map(|reject| reject.scope).collect()
    }

    #[test]
    fn an_event_stands_for_itself_where_it_is_known_when_its_record_arrived() {
        let arrived_us = [0, 0, 3, 9].map(|second: i64| second * 1_000_000).to_vec();
        let rows = [1, 4].map(|row| RejectScope::Row(RowIndex(row)));
        assert_eq!(rejected(arrived_us, 0), rows);
    }

    #[test]
    fn a_record_is_rejected_once_where_only_the_clock_says_so() {
        let records = [2, 3].map(|record| RejectScope::Record(RecordIndex(record)));
        assert_eq!(rejected(vec![], 2_000_000), records);
    }

    #[test]
    fn a_position_that_another_column_has_now_is_not_taken_for_the_time() {
        let mut other = time();
        other.column.name = "seen".into();
        let layout: Arc<Layout> = Arc::new([other].into_iter().collect());
        let times = Column { values: Values::Timestamp(vec![9_000_000]), valid: None };
        let mut batch = Batch {
            chunk: Chunk { spans: vec![(0, 0)], offsets: vec![Offset(0)], ..Chunk::default() },
            rows: RowMap::one_to_one(1),
            columns: Columns::new(layout, [(0, times)]),
            rejects: Vec::new(),
        };
        reject_future(&mut batch, &SkewGuard { time: time(), max_skew_us: 0 }, 0);
        assert_eq!(batch.rejects, []);
    }
}
