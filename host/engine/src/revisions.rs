//! CLOSE with ALLOW LATENESS: windows close as without it, and closed ones are revised between the closes.
//!
//! At one moment of event time revisions come first, by the ends of their windows, and then the window that ends at it.

use super::{
    Fault, Settings,
    answer::Closed,
    close::Close,
    fold::Fold,
    lateness::{Lateness, RevisionPoint},
    revision::Revision,
    states::States,
    watermark::NEVER,
};

/// CLOSE of windows that are revised.
#[derive(Debug)]
pub(super) struct Revisions {
    pub(super) close: Close,
    lateness: Lateness,
    /// The revision that is being given out.
    current: Option<(RevisionPoint, Revision)>,
    /// All revision points up to it are behind.
    revised: i64,
}

impl Revisions {
    /// Nothing yet; none where windows take no late rows.
    pub(super) fn new(close: Close, settings: &Settings) -> Result<Self, Box<Close>> {
        match settings.lateness_us {
            Some(us) => {
                let lateness = Lateness::new(close.slicing, us);
                Ok(Self { close, lateness, current: None, revised: NEVER })
            }
            None => Err(Box::new(close)),
        }
    }

    /// Goes on behind what was decided at or before `closed`.
    pub(super) fn restored(&mut self, closed: i64) {
        self.revised = closed;
    }

    /// Rows for which nothing is open at or before it are late.
    pub(super) fn decided(&self) -> i64 {
        self.close.closed().max(self.revised)
    }

    /// Whether a window, or what is decided with it, is being given out.
    pub(super) fn is_mid_window(&self) -> bool {
        self.current.is_some() || self.close.is_mid_window() || self.revised > self.close.closed()
    }

    /// The first slice of which a window may still be revised or closed.
    pub(super) fn first_kept(&self) -> super::slice::SliceNumber {
        self.lateness.first_kept(self.close.closed()).min(self.close.first_needed())
    }

    /// See `WindowQuery::forces`.
    pub(super) fn forces(&self) -> Option<i64> {
        let at = self.lateness.last_point_at(self.close.source.at());
        let is_new = at > self.lateness.last_point_at(self.close.closed());
        (is_new && self.close.source.is_ahead_of_a_partition(at)).then_some(at)
    }

    /// The next revision point for which rows came, and when it is.
    fn next_point(&self, fold: &Fold) -> Option<(RevisionPoint, i64)> {
        let point = fold.next_revision(self.decided())?;
        Some((point, self.lateness.at(point)))
    }

    /// Whether something is complete and not given out, or only in part.
    pub(super) fn has_complete_window(&self, fold: &Fold) -> bool {
        let is_complete = |(_, at)| at <= self.close.source.at();
        self.current.is_some()
            || self.close.has_complete_window(fold)
            || self.next_point(fold).is_some_and(is_complete)
    }

    /// When the next window that has a row closes, or may be revised.
    pub(super) fn next_window_end(&self, fold: &Fold) -> Option<i64> {
        let revised = self.next_point(fold).map(|(_, at)| at);
        revised.into_iter().chain(self.close.next_window_end(fold)).min()
    }

    /// See `WindowQuery::next_closed`.
    pub(super) fn next_closed(
        &mut self,
        fold: &mut Fold,
        states: &mut States<'_>,
    ) -> Result<Option<Closed>, Fault> {
        loop {
            if let Some((point, mut revision)) = self.current.take() {
                if let Some(closed) = revision.next(&self.close, fold, point, states)? {
                    self.current = Some((point, revision));
                    return Ok(Some(closed));
                }
                self.close.runs_before = (revision.at, revision.runs);
                self.pass(revision.at, fold);
            }
            let source = self.close.source.at();
            let next = self.next_point(fold).filter(|&(_, at)| at <= source);
            let end = self.close.next_window_end(fold).filter(|&end| end <= source);
            match next {
                Some((point, at)) if !self.close.is_mid_window() && end.is_none_or(|end| at <= end) => {
                    self.revised = at;
                    let begun = Revision::begin(&self.close, fold, &self.lateness, point, states)?;
                    match begun {
                        Some(revision) => self.current = Some((point, revision)),
                        None => self.pass(at, fold),
                    }
                }
                _ => {
                    let closed = self.close.next_closed(fold, states)?;
                    if !self.close.is_mid_window() {
                        fold.forget_over(self.close.closed(), states)?;
                    }
                    return Ok(closed);
                }
            }
        }
    }

    /// The revisions at a time are given out: so is all until then, unless a window ends at it.
    fn pass(&mut self, at: i64, fold: &Fold) {
        if self.close.next_window_end(fold).is_none_or(|end| end > at) {
            self.close.pass(at);
        }
    }
}
