//! Where a query task stands, captured to be kept.

use std::collections::BTreeSet;

use streamgauge_engine::{Fault, SegmentId, Snapshot};
use streamgauge_state::manifest::TaskManifest;

use super::{QueryTask, Windows};
use crate::query::{QueryProgress, Standing};

impl QueryTask {
    /// What has changed in its windows and operators since the last time, and all of some segments; none where it has no windows.
    pub fn snapshot(&mut self, whole: &BTreeSet<SegmentId>) -> Result<Option<Snapshot>, Fault> {
        self.query.snapshot(whole)
    }

    /// Captures where it stands and what has changed, and lets it be kept; nothing where that is not possible now.
    pub fn checkpoint(&mut self, finished: bool) {
        let Some(backend) = self.log.backend() else { return };
        let is_between_decisions = !self.has_undecided() && !self.is_behind_barrier();
        if !self.state.is_at_work() || self.has_failed() || backend.is_busy() || !is_between_decisions {
            return;
        }
        let traced = self.begin_checkpoint();
        let whole = backend.whole();
        let Snapshot { window_progress, parts, kept } = match self.snapshot(&whole) {
            Ok(captured) => captured.unwrap_or_default(),
            Err(fault) => {
                traced.into_iter().for_each(|traced| traced.fail(&fault.to_string(), |_| {}));
                return self.fail(fault.into());
            }
        };
        let windows = self.query.windows();
        let versions = windows.map(Windows::state_versions).unwrap_or_default();
        let closed_upto = self.closed_upto();
        let tables = self.tables.capture(&Standing { offsets: &self.offsets, closed_upto });
        let task = TaskManifest {
            start_bounds: self.start_bounds.clone(),
            offsets: self.offsets.clone(),
            decided: self.log.decided().clone(),
            sequences: self.log.sequences().clone(),
            verdicts: self.log.verdicts_from(&self.offsets),
            window_progress: windows.map(|_| window_progress),
            versions,
            kept: kept.into_iter().collect(),
            operators: self.query.operator_names(),
            over_views: self.query.over_views(),
            tables: tables.clone(),
            finished,
        };
        self.traps.pass(&self.offsets);
        let observer = traced.map(|traced| Self::captured(traced, parts.len()));
        if self.log.checkpoint(task, parts, observer) {
            self.tables.captured(&tables);
        } else {
            self.context.shown().into_iter().for_each(QueryProgress::note_checkpoint_is_whole);
        }
    }
}
