//! A query goes back to its last checkpoint and does again what it did since.

use streamgauge_common::{offset::Offset, partition::Partition};
use streamgauge_engine::{RestoreError, SegmentId, Settings, StateSegment, WindowQuery};
use streamgauge_state::manifest::{Offsets, TaskManifest};

use super::{Context, QueryTask, Subscription, TaskFailure, Windows};
use crate::{decode::Batch, query::QueryIndex};

impl QueryTask {
    /// The last durable checkpoint, or how it began; an error says why there is none.
    pub fn last_checkpoint(&self) -> Result<(TaskManifest, Vec<StateSegment>), String> {
        match self.log.backend() {
            Some(backend) => backend.reload().map_err(|error| error.to_string()),
            None => Ok((TaskManifest { offsets: self.start.clone(), ..TaskManifest::default() }, Vec::new())),
        }
    }

    /// Goes back to these positions; its windows are still to be replaced.
    pub fn go_back(&mut self, offsets: &Offsets) -> Result<(), String> {
        for (&partition, progress) in &self.offsets {
            let reported = self.reported.entry(partition).or_insert(*progress);
            reported.next = reported.next.max(progress.next);
        }
        self.offsets.clone_from(offsets);
        self.buffered.clear();
        self.read.clear();
        self.at_end.clear();
        self.ending.clear();
        self.state.go_back();
        match self.log.rewind() {
            true => Ok(()),
            false => Err("too much has happened since it began to do it again".to_owned()),
        }
    }

    /// Puts its windows and operators where a checkpoint has them.
    ///
    /// # Errors
    /// Segments that do not fit, reducers that fail: then it is good for nothing but to be put back again.
    pub fn put_back<'a>(
        &mut self,
        checkpoint: &TaskManifest,
        segments: impl Iterator<Item = &'a StateSegment> + Clone,
    ) -> Result<(), RestoreError> {
        let is_folded = |segment: &&StateSegment| matches!(segment.id, SegmentId::Fold(_));
        let windows = self.windows(checkpoint, segments.clone().filter(is_folded))?;
        self.query.replace_windows(windows);
        self.query.restart_lost()?;
        self.query.put_back_over_views(checkpoint, segments.clone())?;
        let mut operators = segments.filter(|segment| matches!(segment.id, SegmentId::Operator(_)));
        operators.try_for_each(|segment| self.query.put_back_operator(segment))
    }

    /// Windows as they were; none where it has none.
    fn windows<'a>(
        &self,
        checkpoint: &TaskManifest,
        parts: impl Iterator<Item = &'a StateSegment>,
    ) -> Result<Option<Windows>, RestoreError> {
        let Some(window) = self.query.window() else { return Ok(None) };
        let settings = Settings { emit_from_us: self.start_bounds.emit_from_us, ..self.factory.settings };
        let window_progress = checkpoint.window_progress.clone().unwrap_or_default();
        let engine = WindowQuery::restored(window, settings, &window_progress)?;
        let accumulators = (self.factory.open)()?;
        let accumulators = match &self.crash_keeping.recording {
            Some(recording) => recording.of(accumulators),
            None => accumulators,
        };
        let mut windows = Windows { engine, accumulators };
        // A state that was never written has the versions of today.
        let versions = match checkpoint.versions.as_slice() {
            [] => windows.state_versions(),
            versions => versions.to_vec(),
        };
        for part in parts {
            windows.engine.put_back(part, &versions, &mut windows.accumulators)?;
        }
        windows.engine.end_restore();
        Ok(Some(windows))
    }

    /// Says and counts nothing until it gets its own context back, which this gives.
    pub fn mute(&mut self, source: &str) -> Context {
        std::mem::replace(&mut self.context, Context::new(Subscription::silent(source)))
    }

    /// Says and counts again.
    pub fn unmute(&mut self, context: Context) {
        self.context = context;
    }

    /// How many records of a batch it had folded before it went back, where that is a part of them: of these it has counted
    /// everything, of the others nothing.
    pub(super) fn reported_in(&self, partition: Partition, batch: &Batch) -> Option<usize> {
        let reported = batch.chunk.records_before(self.reported.get(&partition)?.next);
        (0 < reported && reported < batch.chunk.len()).then_some(reported)
    }

    /// A fault: it cannot go on from here.
    pub(super) fn fail(&mut self, failure: TaskFailure) {
        self.context.count_fault(QueryIndex::default());
        self.state.fail(failure);
    }

    /// Counts a fault; false when there were too many without progress.
    pub fn count_trap(&mut self, batch: Option<(Partition, Offset, Offset)>, traps_max: u32) -> bool {
        self.traps.add(batch, traps_max)
    }

    /// What brought the faults about is known and gone.
    pub fn forget_traps(&mut self) {
        self.traps.forget();
    }
}
