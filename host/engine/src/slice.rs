//! Which slices and windows a time belongs to.
//!
//! Window `k` is `[k slide, k slide + size)`. Time is cut at the starts and ends of all windows, so the pieces, the
//! *slices*, are never split by a window: one a slide where the slide divides the size, else two. Slices are numbered
//! along time, and a window is a run of [`Slicing::per_window`] of them.

use streamgauge_sql::manifest::{Window, WindowKind};

/// 0001-01-01T00:00:00Z, the earliest event time.
pub const TIME_MIN_US: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999, the latest event time.
pub const TIME_MAX_US: i64 = 253_402_300_799_999_999;
/// The longest window: no window that covers an event time has an edge beyond an `i64`.
const SIZE_MAX_US: i64 = TIME_MAX_US - TIME_MIN_US;

/// The number of a slice, along time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceNumber(pub i64);

/// The number of a window, along time: window `k` starts `k` slides after the epoch.
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
}

/// A window that no compiler of ours makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a window of {size_us} us every {slide_us} us is not possible: 0 < slide <= size <= 9999 years")]
pub struct BadWindow {
    /// The distance between two window starts.
    pub slide_us: i64,
    /// The length of a window.
    pub size_us: i64,
}

/// The arithmetic of one window definition. Times are event times, in [`TIME_MIN_US`]..=[`TIME_MAX_US`], if nothing else
/// is said; slices and windows are those that such times belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slicing {
    slide: i64,
    size: i64,
    /// Where a window's end cuts a slide; 0 = at its start.
    rest: i64,
    per_slide: i64,
    per_window: i64,
}

impl Slicing {
    pub(super) fn new(window: &Window) -> Result<Self, BadWindow> {
        // Each kind by name: another kind must not be cut as one of these.
        let (slide, size) = match window.kind {
            WindowKind::Tumble { size_us } => (size_us, size_us),
            WindowKind::Hop { slide_us, size_us } => (slide_us, size_us),
        };
        if slide < 1 || size < slide || size > SIZE_MAX_US {
            return Err(BadWindow { slide_us: slide, size_us: size });
        }
        let rest = size % slide;
        let (per_slide, per_window) = if rest == 0 { (1, size / slide) } else { (2, size / slide * 2 + 1) };
        Ok(Self { slide, size, rest, per_slide, per_window })
    }

    /// The slice of a time.
    pub(super) fn slice_of(&self, time: i64) -> SliceNumber {
        let (turn, into) = (time.div_euclid(self.slide), time.rem_euclid(self.slide));
        SliceNumber(if self.rest == 0 { turn } else { turn * 2 + i64::from(into >= self.rest) })
    }

    /// Where a slice starts and ends.
    pub(super) fn bounds(&self, slice: SliceNumber) -> (i64, i64) {
        let start = slice.0.div_euclid(self.per_slide) * self.slide;
        match (self.rest, slice.0.rem_euclid(self.per_slide)) {
            (0, _) => (start, start + self.slide),
            (rest, 0) => (start, start + rest),
            (rest, _) => (start + rest, start + self.slide),
        }
    }

    /// The first window that covers a slice.
    pub(super) fn first_window(&self, slice: SliceNumber) -> WindowNumber {
        WindowNumber((slice.0 - self.per_window).div_euclid(self.per_slide) + 1)
    }

    /// The last window that covers a slice.
    pub(super) fn last_window(&self, slice: SliceNumber) -> WindowNumber {
        WindowNumber(slice.0.div_euclid(self.per_slide))
    }

    /// The first slice of a window.
    pub(super) fn first_slice(&self, window: WindowNumber) -> SliceNumber {
        SliceNumber(window.0.saturating_mul(self.per_slide))
    }

    /// The slice behind the last one of a window.
    pub(super) fn end_slice(&self, window: WindowNumber) -> SliceNumber {
        self.first_slice(window).plus(self.per_window)
    }

    /// Where a window starts.
    pub(super) fn start(&self, window: WindowNumber) -> i64 {
        window.0.saturating_mul(self.slide)
    }

    /// Where a window ends.
    pub(super) fn end(&self, window: WindowNumber) -> i64 {
        self.start(window).saturating_add(self.size)
    }

    /// The last window that ends at or before any `time`, of all windows there could be.
    pub(super) fn last_ended(&self, time: i64) -> WindowNumber {
        WindowNumber(time.saturating_sub(self.size).div_euclid(self.slide))
    }

    /// The first window that starts at or after any `time`.
    pub(super) fn first_starting(&self, time: i64) -> WindowNumber {
        WindowNumber(time.div_euclid(self.slide) + i64::from(time.rem_euclid(self.slide) != 0))
    }

    /// The start of the block that follows the one of `slice`: blocks are as long as a window and start at slices
    /// divisible by that length.
    pub(super) fn next_block(&self, slice: SliceNumber) -> SliceNumber {
        SliceNumber((slice.0.div_euclid(self.per_window) + 1) * self.per_window)
    }
}

#[cfg(test)]
pub(super) fn window(slide_us: i64, size_us: i64) -> Window {
    let kind = WindowKind::Hop { slide_us, size_us };
    Window { kind, time: 0, keys: vec![], aggregates: vec![] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slicing(slide: i64, size: i64) -> Slicing {
        Slicing::new(&window(slide, size)).unwrap()
    }

    #[test]
    fn a_slide_that_divides_has_one_slice() {
        let hop = slicing(60, 300);
        assert_eq!(
            (hop.per_window, hop.slice_of(-1), hop.bounds(SliceNumber(-1))),
            (5, SliceNumber(-1), (-60, 0))
        );
        assert_eq!(
            (hop.first_window(SliceNumber(0)), hop.last_window(SliceNumber(0))),
            (WindowNumber(-4), WindowNumber(0))
        );
    }

    #[test]
    fn a_slide_that_does_not_divide_has_two() {
        let hop = slicing(4, 10); // windows [0, 10), [4, 14), ...: cuts at 0, 2, 4, 6, 8, ...
        assert_eq!(
            (
                hop.per_window,
                hop.bounds(SliceNumber(0)),
                hop.bounds(SliceNumber(1)),
                hop.bounds(SliceNumber(-1))
            ),
            (5, (0, 2), (2, 4), (-2, 0))
        );
    }

    #[test]
    fn impossible_windows_are_refused() {
        for (slide, size) in [(0, 1), (-1, 1), (2, 1), (1, i64::MAX)] {
            assert_eq!(
                Slicing::new(&window(slide, size)).unwrap_err(),
                BadWindow { slide_us: slide, size_us: size }
            );
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        for (slide, size) in
            [(1, 1), (1, SIZE_MAX_US), (SIZE_MAX_US, SIZE_MAX_US), (SIZE_MAX_US - 1, SIZE_MAX_US)]
        {
            let slicing = slicing(slide, size);
            for time in [TIME_MIN_US, TIME_MAX_US, 0, -1] {
                let slice = slicing.slice_of(time);
                let (start, end) = slicing.bounds(slice);
                assert!(start <= time && time < end);
                let (first, last) = (slicing.first_window(slice), slicing.last_window(slice));
                assert!(slicing.end(first) >= end && slicing.start(last) <= start);
                assert!(slicing.next_block(slicing.first_slice(first)) > slicing.first_slice(first));
                assert!(slicing.next_block(slicing.first_slice(last)) > slice);
            }
            for time in [i64::MIN, i64::MAX] {
                let _ = (slicing.last_ended(time), slicing.first_starting(time));
                let _ = slicing.end(slicing.last_ended(time).next());
            }
        }
    }

    proptest! {
        /// Against the definition, window by window.
        #[test]
        fn slices_and_windows_cover_what_they_say(
            slide in 1i64..50, more in 0i64..200, time in -1_000i64..1_000,
        ) {
            let size = slide + more;
            let slicing = slicing(slide, size);
            let slice = slicing.slice_of(time);
            let (start, end) = slicing.bounds(slice);
            prop_assert!(start <= time && time < end);
            prop_assert_eq!(slicing.slice_of(start), slice);
            prop_assert_eq!(slicing.slice_of(end), slice.plus(1));
            prop_assert_eq!(slicing.bounds(slice.plus(1)).0, end);
            for window in -1_300..1_300 {
                let (from, to) = (window * slide, window * slide + size);
                let window = WindowNumber(window);
                let covers = from <= time && time < to;
                prop_assert_eq!(covers, from <= start && end <= to, "a window covers all of a slice or nothing");
                prop_assert_eq!(covers, (slicing.first_window(slice)..=slicing.last_window(slice)).contains(&window));
                let first = slicing.first_slice(window);
                prop_assert_eq!(covers, (first..slicing.end_slice(window)).contains(&slice));
                prop_assert_eq!(to <= time, window <= slicing.last_ended(time));
                prop_assert_eq!(from >= time, window >= slicing.first_starting(time));
            }
        }
    }
}
