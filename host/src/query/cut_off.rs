//! Windows that the end of a bounded input cuts off.

/// Windows that were closed because the input ended before they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The greatest event time, in microseconds since the epoch.
    pub last_event: i64,
    /// How many windows with rows.
    pub windows: u64,
    /// Where the first of them ends, in microseconds since the epoch.
    pub first_end: i64,
}

impl CutOff {
    /// None yet; the first ends at `first_end`.
    pub(super) fn at(last_event: i64, first_end: i64) -> Self {
        Self { last_event, windows: 0, first_end }
    }
}
