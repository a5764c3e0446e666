//! What a change that failed, or that a kill ended, has left to do.

use streamgauge_common::crash;
use streamgauge_state::{
    deployment::{DeploymentRecord, Trial, Unfinished},
    savepoint,
    store::Store,
};
use tracing::{info, warn};

use super::{Deployments, Phase, Refused};

impl Deployments {
    /// Finishes what an earlier change of a deployment has left to do: nothing may be built on states that are half restored.
    ///
    /// # Errors
    /// That fails again.
    pub(super) fn finish(&self, name: &str) -> Result<(), Refused> {
        let Some(unfinished) = self.lock().get(name).and_then(|known| known.record.unfinished()) else {
            return Ok(());
        };
        let (what, done) = match unfinished {
            Unfinished::TakeBack => ("the version before is not back", self.take_back_kept(name)),
            Unfinished::Restore => ("the savepoint of its rollback is not restored", self.settle(name)),
            Unfinished::Reset => ("states that were to be reset are not removed", self.settle(name)),
        };
        done.map_err(|refused| {
            Refused::Conflict(format!(
                "deployment '{name}': {what}: {}; mend that and try again, or drop it with purge",
                refused.in_words()
            ))
        })
    }

    /// Starts a deployment as its record says, at the start of the host. A version that was deployed right before the last host ended,
    /// and that cannot be put together, is taken back.
    pub(super) fn start_kept(&self, name: &str) {
        let record = self.lock().get(name).map(|known| known.record.clone()).unwrap_or_default();
        if record.trial.is_some_and(|trial| trial.failed) {
            return self.take_back_at_start(name);
        }
        let forbidden = self.forbidden(name);
        let started = match &forbidden {
            Some(why) => Err(Refused::Unusable(why.clone())),
            None => self.settle(name).and_then(|()| match record.paused {
                true => {
                    self.set_phase(name, Phase::Paused);
                    self.end_trial(name)
                }
                false => self.start(name, None),
            }),
        };
        let Err(refused) = started else { return };
        if record.trial.is_some() {
            warn!(
                deployment = name,
                "deployment '{name}': its newest version cannot be started and is taken back: {}",
                refused.in_words()
            );
            self.panics().forget(name);
            return self.take_back_at_start(name);
        }
        self.fail(name, &refused);
    }

    fn take_back_at_start(&self, name: &str) {
        match self.take_back_kept(name) {
            Ok(()) => info!(deployment = name, "deployment '{name}' is as it was before its last change"),
            Err(refused) => self.fail(name, &refused),
        }
    }

    /// The newest version of a deployment is put together: it stays.
    pub(super) fn end_trial(&self, name: &str) -> Result<(), Refused> {
        let (folder, record) = self.find(name)?;
        if record.trial.is_none() {
            return Ok(());
        }
        self.keep(name, &folder, DeploymentRecord { trial: None, ..record })
    }

    /// A version that cannot be started is as if it had never been deployed.
    pub(super) fn take_back(
        &self,
        name: &str,
        folder: &Store,
        before: Option<DeploymentRecord>,
        savepoint: Option<u64>,
    ) {
        crash::point("change.failed");
        if let Err(refused) = self.bring_back(name, folder, before, savepoint) {
            self.fail(name, &refused);
        }
    }

    /// The same by what is kept of it alone.
    fn take_back_kept(&self, name: &str) -> Result<(), Refused> {
        let found = self.lock().get(name).map(|known| (known.folder.clone(), known.record.clone()));
        let Some((folder, record)) = found else { return Err(Refused::Unknown(name.to_owned())) };
        let taken = record.current().and_then(|version| version.savepoint);
        self.bring_back(name, &folder, record.before_trial(), taken)
    }

    /// Whoever is killed in here does it again at the next start.
    fn bring_back(
        &self,
        name: &str,
        folder: &Store,
        before: Option<DeploymentRecord>,
        savepoint: Option<u64>,
    ) -> Result<(), Refused> {
        // Nothing was there before.
        let (Some(before), Some(savepoint)) = (before, savepoint) else { return self.purge(name) };
        self.note_failed(name, folder)?;
        savepoint::restore(folder, savepoint, savepoint::Timeline::Same)?;
        crash::point("change.states_back");
        let (was_dropped, was_paused) = (before.dropped_us.is_some(), before.paused);
        let record = DeploymentRecord { restore: None, reset: Vec::new(), trial: None, ..before };
        self.keep(name, folder, record)?;
        if let Err(error) = savepoint::remove(folder, savepoint) {
            warn!(
                deployment = name,
                "deployment '{name}': savepoint {savepoint}, which is not needed, stays: {error}"
            );
        }
        match (was_dropped, was_paused) {
            (true, _) => self.note_dropped(name),
            (_, true) => self.set_phase(name, Phase::Paused),
            _ => return self.start(name, None),
        }
        Ok(())
    }

    /// From here on the next host brings back what was before, and does not try the version again: its states are no longer there.
    fn note_failed(&self, name: &str, folder: &Store) -> Result<(), Refused> {
        let record = self.lock().get(name).map(|known| known.record.clone());
        let Some(record) = record.filter(|record| !record.trial.is_some_and(|trial| trial.failed)) else {
            return Ok(());
        };
        let trial = record.trial.map(|trial| Trial { failed: true, ..trial });
        self.keep(name, folder, DeploymentRecord { trial, ..record })
    }
}
