//! Rows that come when none of their windows takes them any more.

use super::{partition::FoldContext, slice::SliceNumber, watermark::NEVER};

/// A row that was late for every window that covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateRow {
    /// Its place in the batch.
    pub row: u32,
    /// The start and the end of the first window that covers it.
    pub first: (i64, i64),
    /// How many windows cover it.
    pub windows: u64,
    /// The partition's own watermark before the row.
    pub watermark: i64,
    /// How far its time is behind the greatest of its partition before it, in microseconds; 0 where it is not.
    pub behind_us: i64,
    /// The end of the last window that was closed before the partition's own watermark had reached it, if the row was late
    /// only because of that.
    pub closed: Option<i64>,
}

impl LateRow {
    /// A row of a slice, given its time and its partition's own watermark before it.
    ///
    /// What is noted does not depend on how far windows had closed beyond the last one, so that a replay notes the same.
    #[cold]
    pub(super) fn new(
        (row, time): (u32, i64),
        slice: SliceNumber,
        watermark: i64,
        context: &FoldContext<'_>,
    ) -> Self {
        let slicing = context.slicing;
        let (first, last) = (slicing.first_window(slice), slicing.last_window(slice));
        let closed = slicing.end(slicing.last_ended(context.closed));
        let is_over = match context.lateness {
            None => watermark >= slicing.end(last),
            Some(lateness) => lateness.is_over(last, watermark),
        };
        Self {
            row,
            first: (slicing.start(first), slicing.end(first)),
            windows: (last.0 - first.0 + 1).unsigned_abs(),
            watermark,
            behind_us: match watermark {
                NEVER => 0,
                watermark => watermark.saturating_add(context.delay_us).saturating_sub(time).max(0),
            },
            closed: (!is_over).then_some(closed),
        }
    }
}
