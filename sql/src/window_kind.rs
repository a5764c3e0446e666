//! Which windows a query has, as its plan says it.

use serde::{Deserialize, Serialize};

/// Which windows cover an event, by its time. All but sessions are aligned: to the epoch, or to an offset from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// One after the other.
    Tumble {
        /// The length of a window, in microseconds.
        size_us: i64,
        /// Where a window starts, in microseconds from the epoch: at least 0 and below the size.
        #[serde(default, skip_serializing_if = "is_zero")]
        offset_us: i64,
    },
    /// Overlapping.
    Hop {
        /// The distance between two window starts, in microseconds.
        slide_us: i64,
        /// The length of a window, in microseconds; at least the slide.
        size_us: i64,
        /// Where a window starts, in microseconds from the epoch: at least 0 and below the slide.
        #[serde(default, skip_serializing_if = "is_zero")]
        offset_us: i64,
    },
    /// Windows that start together and end a step apart.
    Cumulate {
        /// The distance between two window ends, in microseconds.
        step_us: i64,
        /// The length of the longest window, in microseconds: a multiple of the step.
        size_us: i64,
        /// Where a window starts, in microseconds from the epoch: at least 0 and below the size.
        #[serde(default, skip_serializing_if = "is_zero")]
        offset_us: i64,
    },
    /// From the first event of a group to a gap behind the last one.
    Session {
        /// How far apart events of a group must be to be in two sessions, in microseconds.
        gap_us: i64,
        /// Sessions are cut so often from their first event on, in microseconds; at least the gap.
        max_length_us: i64,
    },
    /// One window over all of a bounded input, which closes when the input ends: aggregation without windows.
    Whole,
}

/// 0001-01-01T00:00:00Z, the earliest event time, in microseconds since the epoch: where the window over all of an input starts.
pub const WHOLE_START_US: i64 = -62_135_596_800_000_000;
/// The end of the year 9999, which all event times are before, in microseconds since the epoch: where that window ends.
pub const WHOLE_END_US: i64 = 253_402_300_800_000_000;

impl WindowKind {
    /// The length of the longest window, in microseconds.
    pub fn size_us(self) -> i64 {
        match self {
            Self::Tumble { size_us, .. } | Self::Hop { size_us, .. } | Self::Cumulate { size_us, .. } => {
                size_us
            }
            Self::Session { gap_us, max_length_us } => max_length_us.saturating_add(gap_us),
            Self::Whole => WHOLE_END_US - WHOLE_START_US,
        }
    }

    /// The distance between two window ends, in microseconds; of sessions the least one.
    pub fn slide_us(self) -> i64 {
        match self {
            Self::Tumble { size_us, .. } => size_us,
            Self::Hop { slide_us, .. } => slide_us,
            Self::Cumulate { step_us, .. } => step_us,
            Self::Session { gap_us, .. } => gap_us,
            Self::Whole => self.size_us(),
        }
    }

    /// Where a window starts, in microseconds from the epoch; 0 of sessions, which start with an event, and of the window over all of an input.
    pub fn offset_us(self) -> i64 {
        match self {
            Self::Tumble { offset_us, .. }
            | Self::Hop { offset_us, .. }
            | Self::Cumulate { offset_us, .. } => offset_us,
            Self::Session { .. } | Self::Whole => 0,
        }
    }

    /// Whether `window_start` and `window_end` say something: all windows but the one over all of an input have bounds.
    pub fn has_bounds(self) -> bool {
        self != Self::Whole
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
