//! What a statement and its readers know beside their plan: windows and operators, captured and put back.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_engine::{Fault, RestoreError, SegmentId, Snapshot, StateSegment};
use streamgauge_state::manifest::{OverViewProgress, TaskManifest};

use super::{Operators, OrderedRows, QueryComponent, RunningQuery, Windows};

impl RunningQuery {
    /// Other windows instead of those that it has; its operators, and those of its readers, know nothing.
    pub fn replace_windows(&mut self, windows: Option<Windows>) {
        self.windows = windows;
        self.rests = false;
        self.failed = None;
        self.each_operators(&mut Operators::reset);
        self.forget_gathered();
    }

    fn forget_gathered(&mut self) {
        self.ordered.iter_mut().for_each(OrderedRows::reset);
        self.downstream.iter_mut().for_each(Self::forget_gathered);
    }

    /// Whether it or one of its readers gathers the rows of a window.
    pub(super) fn gathers(&self) -> bool {
        self.ordered.is_some() || self.downstream.iter().any(Self::gathers)
    }

    /// The operators of this query and its readers.
    fn each_operators(&mut self, work: &mut dyn FnMut(&mut Operators)) {
        work(&mut self.operators);
        self.downstream.iter_mut().for_each(|reader| reader.each_operators(work));
    }

    /// Puts the windows over views of its readers where a checkpoint has them.
    ///
    /// # Errors
    /// Segments that do not fit, reducers that fail.
    pub fn put_back_over_views<'a>(
        &mut self,
        checkpoint: &TaskManifest,
        segments: impl Iterator<Item = &'a StateSegment> + Clone,
    ) -> Result<(), RestoreError> {
        if let (Some(over_view), Some(window)) = (&self.over_view, &self.manifest.window) {
            self.windows = Some(over_view.restored(window, checkpoint, segments.clone())?);
        }
        self.downstream
            .iter_mut()
            .try_for_each(|reader| reader.put_back_over_views(checkpoint, segments.clone()))
    }

    /// Starts the components of this query and its readers again that were lost with a fault.
    ///
    /// # Errors
    /// The machine cannot start one now.
    pub fn restart_lost(&mut self) -> Result<(), Fault> {
        self.component.as_mut().map_or(Ok(()), QueryComponent::restart_if_lost)?;
        self.downstream.iter_mut().try_for_each(Self::restart_lost)
    }

    /// Whether a window of this query or of a reader is being given out.
    pub fn is_mid_window(&self) -> bool {
        let own = self.windows.as_ref().is_some_and(|windows| windows.engine.is_mid_window());
        own || self.downstream.iter().any(Self::is_mid_window)
    }

    /// Whether it has state beside windows over a source, or one of its readers has.
    pub fn is_stateful(&self) -> bool {
        !self.operators.is_empty()
            || self.over_view.is_some()
            || self.downstream.iter().any(Self::is_stateful)
    }

    /// What the operators and windows over views of this query and its readers keep, by their ids.
    pub fn operator_names(&self) -> BTreeMap<u64, String> {
        let over_view = self.over_view.iter().map(|over_view| (over_view.id, over_view.meaning.clone()));
        let own = self.operators.names().map(|(id, meaning)| (id, meaning.to_owned()));
        own.chain(over_view).chain(self.downstream.iter().flat_map(Self::operator_names)).collect()
    }

    /// What a checkpoint keeps of the windows over views of its readers, beside their segments.
    pub fn over_views(&self) -> BTreeMap<u64, OverViewProgress> {
        let own = self.over_view.iter().zip(&self.windows);
        let own = own.map(|(over_view, windows)| (over_view.id, over_view.progress(windows)));
        own.chain(self.downstream.iter().flat_map(Self::over_views)).collect()
    }

    /// Puts a segment of an operator back.
    ///
    /// # Errors
    /// A segment that is of no operator of this query and its readers, or that does not fit.
    pub fn put_back_operator(&mut self, segment: &StateSegment) -> Result<(), RestoreError> {
        let mut done = Ok(false);
        self.each_operators(&mut |operators| {
            if let Ok(false) = done {
                done = operators.put_back(segment);
            }
        });
        match done? {
            true => Ok(()),
            false => Err(RestoreError::Misfit("a part of it is of an operator that is not there".to_owned())),
        }
    }

    /// What has changed in its windows and operators since the last time, and all of some segments; none where it has no windows.
    pub fn snapshot(&mut self, whole: &BTreeSet<SegmentId>) -> Result<Option<Snapshot>, Fault> {
        let Some(windows) = self.windows.as_mut().filter(|_| self.failed.is_none()) else { return Ok(None) };
        let mut snapshot = windows.engine.snapshot(whole, &mut windows.accumulators)?;
        let Snapshot { parts, kept, .. } = &mut snapshot;
        self.each_operators(&mut |operators| operators.snapshot(whole, parts, kept));
        self.downstream.iter_mut().try_for_each(|reader| reader.snapshot_over_views(whole, &mut snapshot))?;
        Ok(Some(snapshot))
    }

    fn snapshot_over_views(
        &mut self,
        whole: &BTreeSet<SegmentId>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Fault> {
        if let (Some(over_view), Some(windows)) = (&self.over_view, &mut self.windows) {
            over_view.snapshot(windows, whole, &mut snapshot.parts, &mut snapshot.kept)?;
        }
        self.downstream.iter_mut().try_for_each(|reader| reader.snapshot_over_views(whole, snapshot))
    }
}
