//! Where a record stands in its partition.

use std::fmt;

/// The place of a record in its partition: Kafka's offset, or the number of its line from 0. Offsets rise from record to record; some
/// may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// Before every record: how far somebody is who has read nothing.
    pub const MIN: Self = Self(i64::MIN);

    /// The next place.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// So many places further on.
    #[must_use]
    pub fn plus(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
