//! ALLOW LATENESS: how long a closed window goes on taking rows, and when it is given out again.
//!
//! A closed window takes a row while the row's own partition has not carried its watermark to the window's end plus the allowed lateness. It is
//! given out again, *revised*, at the *revision points*: when the source's watermark reaches the end of a later window before that
//! time, and at that time itself. A row that comes late belongs to the first revision point that its partition's own watermark had not
//! reached before it. So the contents of every revision follow from the partitions alone, like those of the window at its close.

use super::{
    segment::SegmentKind,
    slice::{SliceNumber, Slicing, WindowNumber},
    watermark::FOREVER,
};

/// The allowed lateness of windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lateness {
    slicing: Slicing,
    us: i64,
    /// How many slides it has.
    slides: i64,
    /// What is left of it, less than a slide: 0 = windows are revised only when others close.
    rest: i64,
}

/// A revision point: the end of a window, or before it the last revision of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RevisionPoint {
    /// The first window that ends at or after it.
    pub(super) window: WindowNumber,
    pub(super) phase: Phase,
}

/// Where a revision point lies before the end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Between the end of the window before and its own end: where the allowed lateness of an earlier window ends.
    LastRevision,
    /// At its end.
    End,
}

impl Lateness {
    pub(super) fn new(slicing: Slicing, us: i64) -> Self {
        let (us, slide) = (us.max(0), slicing.slide());
        Self { slicing, us, slides: us / slide, rest: us % slide }
    }

    /// The first revision point, or end of a window, that is not reached where windows up to `closed_upto` are closed.
    pub(super) fn next_point(&self, closed_upto: i64) -> RevisionPoint {
        let window = self.slicing.last_ended(closed_upto).next();
        let first = RevisionPoint { window, phase: Phase::LastRevision };
        let is_first = self.rest != 0 && closed_upto < self.at(first);
        RevisionPoint { window, phase: if is_first { Phase::LastRevision } else { Phase::End } }
    }

    /// When a point is reached.
    pub(super) fn at(&self, point: RevisionPoint) -> i64 {
        match point.phase {
            Phase::LastRevision => self.slicing.end(point.window.before()).saturating_add(self.rest),
            Phase::End => self.slicing.end(point.window),
        }
    }

    /// The last revision point at or before a time.
    pub(super) fn last_point_at(&self, time: i64) -> i64 {
        let ended = self.slicing.last_ended(time);
        let behind = self.at(RevisionPoint { window: ended.next(), phase: Phase::LastRevision });
        if self.rest != 0 && behind <= time { behind } else { self.slicing.end(ended) }
    }

    /// The windows that are revised at a point, where they have new rows: the first and the last.
    pub(super) fn revised_at(&self, point: RevisionPoint) -> (WindowNumber, WindowNumber) {
        let before = point.window.before();
        match point.phase {
            Phase::LastRevision => (before.minus(self.slides), before.minus(self.slides)),
            Phase::End => (point.window.minus(self.slides), before),
        }
    }

    /// Whether a window takes rows no longer where windows up to `closed_upto` are closed.
    pub(super) fn is_over(&self, window: WindowNumber, closed_upto: i64) -> bool {
        self.slicing.end(window).saturating_add(self.us) <= closed_upto
    }

    /// The first slice of which a window may be revised behind a time.
    pub(super) fn first_kept(&self, closed: i64) -> SliceNumber {
        match closed {
            FOREVER => SliceNumber::MAX,
            closed => self.slicing.first_slice(self.slicing.last_ended(self.over_upto(closed)).next()),
        }
    }

    /// The end of windows that take no more rows at a time.
    pub(super) fn over_upto(&self, time: i64) -> i64 {
        if time == FOREVER { FOREVER } else { time.saturating_sub(self.us) }
    }
}

impl RevisionPoint {
    /// The place of late rows of a slice that belong to this point.
    pub(super) fn kind(self, slice: SliceNumber) -> SegmentKind {
        let window = self.window;
        match self.phase {
            Phase::LastRevision => SegmentKind::LateForLast { window, slice },
            Phase::End => SegmentKind::Late { window, slice },
        }
    }
}
