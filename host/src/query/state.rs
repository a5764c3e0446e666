//! What a statement and its readers know beside their plan: windows and operators, captured and put back.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_engine::{Fault, RestoreError, SegmentId, Snapshot, StateSegment};

use super::{Operators, QueryComponent, RunningQuery, Windows};

impl RunningQuery {
    /// Other windows instead of those that it has; its operators, and those of its readers, know nothing.
    pub fn replace_windows(&mut self, windows: Option<Windows>) {
        self.windows = windows;
        self.rests = false;
        self.failed = None;
        self.each_operators(&mut Operators::reset);
    }

    /// The operators of this query and its readers.
    fn each_operators(&mut self, work: &mut dyn FnMut(&mut Operators)) {
        work(&mut self.operators);
        self.downstream.iter_mut().for_each(|reader| reader.each_operators(work));
    }

    /// Starts the components of this query and its readers again that were lost with a fault.
    ///
    /// # Errors
    /// The machine cannot start one now.
    pub fn restart_lost(&mut self) -> Result<(), Fault> {
        self.component.as_mut().map_or(Ok(()), QueryComponent::restart_if_lost)?;
        self.downstream.iter_mut().try_for_each(Self::restart_lost)
    }

    /// Whether it or one of its readers has state beside windows.
    pub fn is_stateful(&self) -> bool {
        !self.operators.is_empty() || self.downstream.iter().any(Self::is_stateful)
    }

    /// What the operators of this query and its readers keep, by their ids.
    pub fn operator_names(&self) -> BTreeMap<u64, String> {
        let own = self.operators.names().map(|(id, meaning)| (id, meaning.to_owned()));
        own.chain(self.downstream.iter().flat_map(Self::operator_names)).collect()
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
        Ok(Some(snapshot))
    }
}
