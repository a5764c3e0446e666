//! The two forms of CLOSE: of windows that are aligned, and of sessions.

use std::collections::BTreeSet;

use streamgauge_common::partition::Partition;
use streamgauge_sql::manifest::Window;

use super::{
    BadWindow, Fault, FoldBatch, Folded, RestoreError, Settings, StateSegment, answer::Closed, close::Close,
    fold::Fold, revisions::Revisions, segment::SegmentId, session::Sessions, slice::Slicing, states::States,
    watermark::SourceWatermark,
};

/// CLOSE of a query.
#[derive(Debug)]
pub(super) enum Closing {
    Aligned(Box<Close>),
    /// With ALLOW LATENESS.
    Revised(Box<Revisions>),
    Sessions(Box<Sessions>),
}

impl Closing {
    /// FOLD and CLOSE of a query, without state.
    pub(super) fn new(window: &Window, settings: Settings) -> Result<(Fold, Self), BadWindow> {
        if let Some((sessions, fold)) = Sessions::new(window, &settings)? {
            return Ok((fold, Self::Sessions(Box::new(sessions))));
        }
        let slicing = Slicing::new(window)?;
        let key_types: Vec<_> = window.keys.iter().map(|key| key.data_type).collect();
        let close = Close::new(slicing, &settings, key_types.clone());
        let closing = match Revisions::new(close, &settings) {
            Ok(revisions) => Self::Revised(Box::new(revisions)),
            Err(close) => Self::Aligned(close),
        };
        Ok((Fold::new(slicing, settings, key_types), closing))
    }

    /// How far the source has come.
    pub(super) fn source(&self) -> &SourceWatermark {
        match self {
            Self::Aligned(close) => &close.source,
            Self::Revised(revisions) => &revisions.close.source,
            Self::Sessions(sessions) => &sessions.source,
        }
    }

    /// The same, to be changed.
    pub(super) fn source_mut(&mut self) -> &mut SourceWatermark {
        match self {
            Self::Aligned(close) => &mut close.source,
            Self::Revised(revisions) => &mut revisions.close.source,
            Self::Sessions(sessions) => &mut sessions.source,
        }
    }

    /// Windows that end at or before it are closed.
    pub(super) fn closed(&self) -> i64 {
        match self {
            Self::Aligned(close) => close.closed(),
            Self::Revised(revisions) => revisions.close.closed(),
            Self::Sessions(sessions) => sessions.closed(),
        }
    }

    /// How many groups are here.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Aligned(close) => close.groups.len(),
            Self::Revised(revisions) => revisions.close.groups.len(),
            Self::Sessions(sessions) => sessions.groups(),
        }
    }

    /// The start of the first window that is emitted; none where all are.
    pub(super) fn emits_from(&self, fold: &Fold) -> Option<i64> {
        match self {
            Self::Aligned(_) | Self::Revised(_) => fold.emits_from(),
            Self::Sessions(sessions) => sessions.emits_from(),
        }
    }

    /// Folds rows of a partition.
    pub(super) fn fold(
        &mut self,
        fold: &mut Fold,
        partition: Partition,
        batch: &FoldBatch<'_>,
        states: &mut States<'_>,
    ) -> Result<Folded, Fault> {
        match self {
            Self::Aligned(close) => fold.fold(partition, batch, close.closed(), states),
            Self::Revised(revisions) => fold.fold(partition, batch, revisions.decided(), states),
            Self::Sessions(sessions) => sessions.fold(fold, partition, batch, states),
        }
    }

    /// See `WindowQuery::forces`.
    pub(super) fn forces(&self, fold: &Fold) -> Option<i64> {
        match self {
            Self::Aligned(close) => close.forces(),
            Self::Revised(revisions) => revisions.forces(),
            Self::Sessions(sessions) => sessions.forces(fold),
        }
    }

    /// See `WindowQuery::next_closed`.
    pub(super) fn next_closed(
        &mut self,
        fold: &mut Fold,
        states: &mut States<'_>,
    ) -> Result<Option<Closed>, Fault> {
        match self {
            Self::Aligned(close) => close.next_closed(fold, states),
            Self::Revised(revisions) => revisions.next_closed(fold, states),
            Self::Sessions(sessions) => sessions.next_closed(fold, states),
        }
    }

    /// Whether a window is complete and not given out, or only in part.
    pub(super) fn has_complete_window(&self, fold: &Fold) -> bool {
        match self {
            Self::Aligned(close) => close.has_complete_window(fold),
            Self::Revised(revisions) => revisions.has_complete_window(fold),
            Self::Sessions(sessions) => sessions.has_complete_window(fold),
        }
    }

    /// See `WindowQuery::next_window_end`.
    pub(super) fn next_window_end(&self, fold: &Fold) -> Option<i64> {
        match self {
            Self::Aligned(close) => close.next_window_end(fold),
            Self::Revised(revisions) => revisions.next_window_end(fold),
            Self::Sessions(sessions) => sessions.next_window_end(fold),
        }
    }

    /// Whether a window is being given out.
    pub(super) fn is_mid_window(&self) -> bool {
        match self {
            Self::Aligned(close) => close.is_mid_window(),
            Self::Revised(revisions) => revisions.is_mid_window(),
            Self::Sessions(sessions) => sessions.is_mid_window(),
        }
    }

    /// From now on what changes is remembered.
    pub(super) fn track_changes(&mut self) {
        if let Self::Sessions(sessions) = self {
            sessions.track_changes();
        }
    }

    /// See `WindowQuery::snapshot`.
    pub(super) fn snapshot(
        &mut self,
        fold: &mut Fold,
        whole: &BTreeSet<SegmentId>,
        states: &mut States<'_>,
    ) -> Result<(Vec<StateSegment>, BTreeSet<SegmentId>), Fault> {
        match self {
            Self::Aligned(close) => fold.snapshot(close.first_needed(), whole, states),
            Self::Revised(revisions) => fold.snapshot(revisions.first_kept(), whole, states),
            Self::Sessions(sessions) => sessions.snapshot(fold, whole, states),
        }
    }

    /// Goes on where a capture stood.
    pub(super) fn restore(&mut self, fold: &mut Fold, closed: i64, source: SourceWatermark) {
        match self {
            Self::Aligned(close) => close.restore(closed, source),
            Self::Revised(revisions) => {
                revisions.restored(closed);
                revisions.close.restore(closed, source);
                fold.restore_given(revisions.close.first_needed());
            }
            Self::Sessions(sessions) => sessions.restore(closed, source),
        }
    }

    /// See `WindowQuery::put_back`.
    pub(super) fn put_back(
        &mut self,
        fold: &mut Fold,
        segment: &StateSegment,
        versions: &[u32],
        states: &mut States<'_>,
    ) -> Result<(), RestoreError> {
        match self {
            Self::Aligned(_) | Self::Revised(_) => fold.put_back(segment, versions, states),
            Self::Sessions(sessions) => sessions.put_back(fold, segment, versions, states),
        }
    }

    /// All segments are back.
    pub(super) fn end_restore(&mut self, fold: &Fold) {
        if let Self::Sessions(sessions) = self {
            sessions.end_restore(fold);
        }
    }
}
