//! Event times that are too far ahead.

use streamgauge_common::{column::Values, reason::Reason};

use crate::decode::{Batch, Reject};

/// The guard against event times that would close windows too early.
#[derive(Clone, Copy, Debug)]
pub struct Future {
    /// Which decoded column holds the event time.
    pub column: usize,
    /// How far ahead it may be, in microseconds.
    pub max_skew_us: i64,
}

/// Turns events that are too far ahead of their record into dead letters.
///
/// The measure is the time at which the record reached its broker, or else `now_us`.
pub(super) fn reject_future(batch: &mut Batch, future: Future, now_us: i64) {
    let Some(column) = batch.columns.get(future.column) else { return };
    let Values::Timestamp(times) = &column.values else { return };
    for (row, &time) in (0_u32..).zip(times) {
        let arrived_us = batch.chunk.arrived_us.get(row as usize).copied().unwrap_or(now_us);
        if time > arrived_us.saturating_add(future.max_skew_us) && column.is_valid(row as usize) {
            batch.rejects.push(Reject {
                row,
                column: Some(future.column as u32),
                reason: Reason::Future,
                message: format!(
                    "the event time is {} s ahead of its record, more than max_future_skew",
                    time.saturating_sub(arrived_us) / 1_000_000
                ),
            });
        }
    }
}
