//! Which slices and windows a time belongs to.
//!
//! Window `k` is `[k slide + offset, k slide + offset + size)`. Time is cut at the starts and ends of all windows, so the pieces,
//! the *slices*, are never split by a window: one a slide where the slide divides the size, else two. Slices are numbered
//! along time, and a window is a run of [`Slicing::per_window`] of them.
//!
//! Windows that cumulate are numbered along their ends: window `k` ends with slice `k`, which is one step long, and starts where its
//! *period* does, a run of [`Slicing::per_window`] slices. So a slice is in its own window and in the later ones of its period.

use streamgauge_sql::manifest::{WHOLE_END_US, WHOLE_START_US, Window, WindowKind};

/// 0001-01-01T00:00:00Z, the earliest event time.
pub const TIME_MIN_US: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999, the latest event time.
pub const TIME_MAX_US: i64 = 253_402_300_799_999_999;
/// The longest window: no window that covers an event time has an edge beyond an `i64`.
const SIZE_MAX_US: i64 = TIME_MAX_US - TIME_MIN_US;

/// The number of a slice, along time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceNumber(pub i64);

/// The number of a window, along time: window `k` starts `k` slides after the offset; of windows that cumulate it ends `k + 1` steps
/// after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowNumber(pub i64);

impl SliceNumber {
    /// Before all slices.
    pub(super) const MIN: Self = Self(i64::MIN);
    /// Behind all slices.
    pub(super) const MAX: Self = Self(i64::MAX);

    /// The slice so many further on.
    pub(super) fn plus(self, slices: i64) -> Self {
        Self(self.0.saturating_add(slices))
    }
}

impl WindowNumber {
    /// Before all windows.
    pub(super) const MIN: Self = Self(i64::MIN);

    /// The window that starts a slide later.
    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The window that starts a slide earlier.
    pub(super) fn before(self) -> Self {
        self.minus(1)
    }

    /// The window that starts so many slides earlier.
    pub(super) fn minus(self, slides: i64) -> Self {
        Self(self.0.saturating_sub(slides))
    }
}

/// A window that no compiler of ours makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a window of {size_us} us every {slide_us} us from {offset_us} us is not possible: 0 < slide <= size <= 9999 years, \
     0 <= offset < size, and a step divides the size"
)]
pub struct BadWindow {
    /// The distance between two window starts.
    pub slide_us: i64,
    /// The length of a window.
    pub size_us: i64,
    /// Where a window starts.
    pub offset_us: i64,
}

/// The arithmetic of one window definition. Times are event times, in [`TIME_MIN_US`]..=[`TIME_MAX_US`], if nothing else
/// is said; slices and windows are those that such times belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slicing {
    slide: i64,
    size: i64,
    offset: i64,
    /// Where a window's end cuts a slide; 0 = at its start.
    rest: i64,
    per_slide: i64,
    per_window: i64,
    /// Whether windows start together and end a slide, their step, apart.
    cumulates: bool,
}

impl Slicing {
    pub(super) fn new(window: &Window) -> Result<Self, BadWindow> {
        // Each kind by name: another kind must not be cut as one of these.
        let (slide, size, cumulates) = match window.kind {
            WindowKind::Tumble { size_us, .. } => (size_us, size_us, false),
            WindowKind::Hop { slide_us, size_us, .. } => (slide_us, size_us, false),
            WindowKind::Cumulate { step_us, size_us, .. } => (step_us, size_us, true),
            WindowKind::Whole => return Ok(Self::whole()),
            // These follow their events.
            WindowKind::Session { gap_us, .. } => {
                return Err(BadWindow { slide_us: gap_us, size_us: window.kind.size_us(), offset_us: 0 });
            }
        };
        let offset = window.kind.offset_us();
        let is_uneven = slide < 1 || size < slide || cumulates && size % slide != 0;
        if is_uneven || size > SIZE_MAX_US || !(0..size).contains(&offset) {
            return Err(BadWindow { slide_us: slide, size_us: size, offset_us: offset });
        }
        let rest = size % slide;
        let (per_slide, per_window) = if rest == 0 { (1, size / slide) } else { (2, size / slide * 2 + 1) };
        Ok(Self { slide, size, offset, rest, per_slide, per_window, cumulates })
    }

    /// One window of one slice, which all event times are in.
    fn whole() -> Self {
        let size = WHOLE_END_US - WHOLE_START_US;
        let (rest, per_slide, per_window) = (0, 1, 1);
        Self { slide: size, size, offset: WHOLE_START_US, rest, per_slide, per_window, cumulates: false }
    }

    /// Whether there is one window, which all event times are in.
    pub(super) fn is_whole(&self) -> bool {
        self.offset == WHOLE_START_US
    }

    /// Slices as long as the gap of sessions. A group counts for a gap beyond the slice of its last event.
    pub(super) fn of_gap(gap_us: i64) -> Result<Self, BadWindow> {
        let size = gap_us.saturating_mul(2);
        if gap_us < 1 || size > SIZE_MAX_US {
            return Err(BadWindow { slide_us: gap_us, size_us: size, offset_us: 0 });
        }
        Ok(Self { slide: gap_us, size, offset: 0, rest: 0, per_slide: 1, per_window: 2, cumulates: false })
    }

    /// The distance between two window starts; of windows that cumulate their step.
    pub(super) fn slide(&self) -> i64 {
        self.slide
    }

    /// Whether a window holds all of the one before it that starts with it.
    pub(super) fn cumulates(&self) -> bool {
        self.cumulates
    }

    /// The slice of a time.
    pub(super) fn slice_of(&self, time: i64) -> SliceNumber {
        let time = time - self.offset;
        let (turn, into) = (time.div_euclid(self.slide), time.rem_euclid(self.slide));
        SliceNumber(if self.rest == 0 { turn } else { turn * 2 + i64::from(into >= self.rest) })
    }

    /// Where a slice starts and ends.
    pub(super) fn bounds(&self, slice: SliceNumber) -> (i64, i64) {
        let start = slice.0.div_euclid(self.per_slide) * self.slide + self.offset;
        match (self.rest, slice.0.rem_euclid(self.per_slide)) {
            (0, _) => (start, start + self.slide),
            (rest, 0) => (start, start + rest),
            (rest, _) => (start + rest, start + self.slide),
        }
    }

    /// The first window that covers a slice.
    pub(super) fn first_window(&self, slice: SliceNumber) -> WindowNumber {
        match self.cumulates {
            true => WindowNumber(slice.0),
            false => WindowNumber((slice.0 - self.per_window).div_euclid(self.per_slide) + 1),
        }
    }

    /// The last window that covers a slice.
    pub(super) fn last_window(&self, slice: SliceNumber) -> WindowNumber {
        match self.cumulates {
            true => WindowNumber(self.next_block(slice).0 - 1),
            false => WindowNumber(slice.0.div_euclid(self.per_slide)),
        }
    }

    /// The first slice of a window.
    pub(super) fn first_slice(&self, window: WindowNumber) -> SliceNumber {
        match self.cumulates {
            true => self.period(SliceNumber(window.0)),
            false => SliceNumber(window.0.saturating_mul(self.per_slide)),
        }
    }

    /// The slice behind the last one of a window.
    pub(super) fn end_slice(&self, window: WindowNumber) -> SliceNumber {
        match self.cumulates {
            true => SliceNumber(window.0).plus(1),
            false => self.first_slice(window).plus(self.per_window),
        }
    }

    /// Where a window starts.
    pub(super) fn start(&self, window: WindowNumber) -> i64 {
        let turn = if self.cumulates { self.first_slice(window).0 } else { window.0 };
        turn.saturating_mul(self.slide).saturating_add(self.offset)
    }

    /// Where a window ends.
    pub(super) fn end(&self, window: WindowNumber) -> i64 {
        let (turn, length) = if self.cumulates { (window.0, self.slide) } else { (window.0, self.size) };
        turn.saturating_mul(self.slide).saturating_add(self.offset).saturating_add(length)
    }

    /// The last window that ends at or before any `time`, of all windows there could be.
    pub(super) fn last_ended(&self, time: i64) -> WindowNumber {
        let length = if self.cumulates { self.slide } else { self.size };
        WindowNumber(time.saturating_sub(length).saturating_sub(self.offset).div_euclid(self.slide))
    }

    /// The first window that starts at or after any `time`.
    pub(super) fn first_starting(&self, time: i64) -> WindowNumber {
        let time = time.saturating_sub(self.offset);
        let between = if self.cumulates { self.size } else { self.slide };
        let turn = time.div_euclid(between) + i64::from(time.rem_euclid(between) != 0);
        WindowNumber(if self.cumulates { turn.saturating_mul(self.per_window) } else { turn })
    }

    /// The start of the block that follows the one of `slice`: blocks are as long as a window and start at slices
    /// divisible by that length.
    pub(super) fn next_block(&self, slice: SliceNumber) -> SliceNumber {
        SliceNumber((slice.0.div_euclid(self.per_window) + 1) * self.per_window)
    }

    /// The slice with which all slices before it in a window are kept merged: where windows cumulate the first of its period, else itself.
    pub(super) fn period(&self, slice: SliceNumber) -> SliceNumber {
        match self.cumulates {
            true => SliceNumber(slice.0.div_euclid(self.per_window).saturating_mul(self.per_window)),
            false => slice,
        }
    }
}

#[cfg(test)]
pub(super) fn window(slide_us: i64, size_us: i64) -> Window {
    let kind = WindowKind::Hop { slide_us, size_us, offset_us: 0 };
    Window { kind, time: 0, keys: vec![], sets: vec![], aggregates: vec![] }
}

#[cfg(test)]
mod tests;
