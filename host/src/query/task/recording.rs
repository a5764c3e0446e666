//! A query task that looks at the calls of its reducers, to keep the one that fails.

use streamgauge_engine::{Fault, Pass, RestoreError, StateSegment};
use streamgauge_state::manifest::TaskManifest;
use tracing::{info, warn};

use super::QueryTask;
use crate::crashes::{Crashes, Recording, Told, Watched};

/// What a task keeps of the faults of its reducers.
#[derive(Default)]
pub(super) struct CrashKeeping {
    /// None = nothing, and nobody is told how to.
    pub(super) crashes: Option<Crashes>,
    /// What it looks at now, while it reads again.
    pub(super) recording: Option<Recording>,
    /// What people are still to be told.
    told: Vec<Told>,
}

impl QueryTask {
    /// The same, which keeps bundles of its faults.
    #[must_use]
    pub fn keeping(mut self, crashes: Crashes) -> Self {
        self.crash_keeping.crashes = Some(crashes);
        self
    }

    /// Whether a bundle of a fault is to be kept: then it is worth reading again for it.
    pub fn wants_crash(&self, fault: &Fault) -> bool {
        self.crash_keeping.crashes.as_ref().is_some_and(|crashes| crashes.wants(fault))
    }

    /// What is told behind a fault of which no bundle is kept.
    pub fn crash_hint(&mut self, fault: &Fault) -> &'static str {
        self.crash_keeping.crashes.as_mut().map_or("", |crashes| crashes.hint(fault))
    }

    /// Looks at the calls of the windows that it is given from here on. Where closes are looked at, nothing is decided: they may be of
    /// windows that were not decided before.
    pub fn record(&mut self, watched: Watched) {
        self.crash_keeping.recording = Some(Recording::new(watched));
    }

    /// Looks at other calls from here on.
    pub fn watch(&self, watched: Watched) {
        self.crash_keeping.recording.iter().for_each(|recording| recording.watch(watched));
    }

    /// Keeps the call that has failed since it records, of a fault that was met before, and records no more.
    pub fn keep_crash(&mut self, fault: &Fault) {
        let CrashKeeping { crashes, recording, told } = &mut self.crash_keeping;
        let recorded = recording.take().and_then(|recording| recording.take());
        told.extend(crashes.as_mut().and_then(|crashes| crashes.keep(fault, recorded)));
    }

    /// Tells people what was kept.
    pub fn tell_crashes(&mut self) {
        let query = self.query.name();
        let deployment = &self.context.subscription.deployment;
        for Told { text, is_warning } in std::mem::take(&mut self.crash_keeping.told) {
            match is_warning {
                true => warn!(deployment, query, "query '{query}': {text}"),
                false => info!(deployment, query, "query '{query}': {text}"),
            }
        }
    }

    /// What people are to be told of what was kept, where it is told with a failure.
    pub fn take_told(&mut self) -> Option<String> {
        self.crash_keeping.told.pop().map(|told| told.text)
    }

    /// As [`QueryTask::put_back`]; where a reducer fails, the call is kept.
    ///
    /// # Errors
    /// As there.
    pub fn put_back_or_keep(
        &mut self,
        checkpoint: &TaskManifest,
        segments: &[StateSegment],
    ) -> Result<(), RestoreError> {
        let done = self.put_back(checkpoint, segments.iter());
        if let Err(RestoreError::Fault(fault)) = &done
            && self.wants_crash(fault)
        {
            self.record(Watched::Restores);
            // It fails again, or the recording says that it did not.
            let _ = self.put_back(checkpoint, segments.iter());
            self.keep_crash(fault);
        }
        done
    }

    /// Whether what it emits counts.
    pub(super) fn pass(&self) -> Pass {
        let recording = self.crash_keeping.recording.as_ref();
        match recording.is_some_and(|recording| recording.watched() == Watched::Closes) {
            true => Pass::Replay,
            false => Pass::Live,
        }
    }
}
