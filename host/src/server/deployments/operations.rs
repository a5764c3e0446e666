//! Going back, copying, pausing and ending a deployment.

use streamgauge_common::clock;
use streamgauge_state::{
    deployment::{DeploymentRecord, Version},
    savepoint,
};
use tracing::info;

use super::{Deployments, Phase, Refused, lock_change, running::Asked};
use crate::deploy::RuntimeError;

impl Deployments {
    /// Goes back to the version before, with the states that it had then. Files are appended to: rows since then come again, with other
    /// idempotency keys.
    ///
    /// # Errors
    /// There is no version before, or its savepoint is gone.
    pub fn rollback(&self, name: &str) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let (folder, before) = self.find(name)?;
        let [.., earlier, current] = before.versions.as_slice() else {
            return Err(Refused::Conflict(format!("deployment '{name}' has no version before this one")));
        };
        let savepoint =
            current.savepoint.filter(|number| before.savepoints.iter().any(|one| one.number == *number));
        let Some(savepoint) = savepoint else {
            return Err(Refused::Conflict(format!(
                "deployment '{name}': the savepoint of version {} is gone; deploy its text again",
                earlier.number
            )));
        };
        if !savepoint::is_there(&folder, savepoint)? {
            return Err(Refused::Conflict(format!(
                "deployment '{name}': savepoint {savepoint}, which has the states of version {}, is gone from the state; deploy its text \
                 again",
                earlier.number
            )));
        }
        let (earlier, number) = (earlier.clone(), before.next_version());
        let record =
            DeploymentRecord { reset: Vec::new(), restore: Some(savepoint), paused: false, ..before.clone() };
        let next = |savepoint| Version { number, deployed_us: clock::now_us(), savepoint, ..earlier.clone() };
        let taken = self.begin_version(name, &folder, &before, record, next)?;
        let started = self.settle(name).and_then(|()| self.start(name, None));
        if let Err(refused) = started {
            self.take_back(name, &folder, Some(before), taken);
            return Err(refused);
        }
        self.remove_forgotten_savepoints(name);
        if let Some(known) = self.lock().get_mut(name) {
            known.plan = None;
        }
        info!(
            deployment = name,
            version = number,
            "deployment '{name}': version {number} runs, which is version {} again, with its states of then",
            earlier.number
        );
        Ok(())
    }

    /// Copies the states of a deployment; they stay until they are removed with it. Gives the number.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn savepoint(&self, name: &str) -> Result<u64, Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let (folder, mut record) = self.find(name)?;
        let phase = self.phase(name);
        let version = record.current().map(|current| current.number).unwrap_or_default();
        if matches!(phase, Some(Phase::Running)) {
            self.stop(name)?;
        }
        let taken = self.take_savepoint(&folder, &mut record, version, Asked::Yes);
        let taken = taken.and_then(|number| {
            self.keep(name, &folder, record)?;
            Ok(number)
        });
        self.go_on(name, phase);
        match self.phase(name) {
            Some(Phase::Failed(why)) if taken.is_ok() => Err(Refused::Conflict(format!(
                "the savepoint is taken, but deployment '{name}' cannot be started again: {why}"
            ))),
            _ => taken,
        }
    }

    /// Reads nothing more of a deployment until it is resumed. One that is paused stays so, also when the host starts again.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self, name: &str) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let (folder, mut record) = self.find(name)?;
        if record.paused {
            return Ok(());
        }
        // One that is yet to start is not started.
        if !matches!(self.phase(name), Some(Phase::Changing)) {
            self.check_runs(name, "paused")?;
            record.paused = true;
            self.keep(name, &folder, record.clone())?;
            if let Err(error) = self.runtime.pause(name) {
                record.paused = false;
                self.keep(name, &folder, record)?;
                return Err(error.into());
            }
        }
        record.paused = true;
        self.keep(name, &folder, record)?;
        self.set_phase(name, Phase::Paused);
        info!(deployment = name, "deployment '{name}' is paused");
        Ok(())
    }

    /// Reads on; one that has failed is started again.
    ///
    /// # Errors
    /// It was not paused and has not failed, or it cannot be started.
    pub fn resume(&self, name: &str) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let (folder, mut record) = self.find(name)?;
        if !record.paused {
            if self.is_healthy(name) {
                return self.check_runs(name, "resumed");
            }
            self.panics.forget(name);
            self.stop(name)?;
            return self.start(name, None).inspect_err(|refused| self.fail(name, refused));
        }
        record.paused = false;
        self.keep(name, &folder, record)?;
        match self.runtime.resume(name) {
            Ok(()) => self.set_phase(name, Phase::Running),
            // The host has started since it was paused.
            Err(RuntimeError::Unknown(_)) => {
                if let Err(refused) = self.start(name, None) {
                    self.fail(name, &refused);
                    return Err(refused);
                }
            }
            Err(error) => return Err(error.into()),
        }
        info!(deployment = name, "deployment '{name}' runs again");
        Ok(())
    }

    /// Ends a deployment. Its state is kept for `drop_retention`, or removed at once.
    ///
    /// # Errors
    /// There is none, or its state cannot be removed.
    pub fn drop_deployment(&self, name: &str, purge: bool) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let found = self.lock().get(name).map(|known| (known.folder.clone(), known.record.clone()));
        let Some((folder, mut record)) = found else { return Err(Refused::Unknown(name.to_owned())) };
        if record.dropped_us.is_none() {
            let phase = self.phase(name);
            self.stop(name)?;
            record.dropped_us = Some(clock::now_us());
            self.keep(name, &folder, record).inspect_err(|_| self.go_on(name, phase))?;
            self.set_phase(name, Phase::Dropped);
            info!(deployment = name, "deployment '{name}' is dropped");
        } else if !purge {
            return Err(Refused::Unknown(name.to_owned()));
        }
        if purge { self.purge(name) } else { Ok(()) }
    }
}
