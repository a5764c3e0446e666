//! What runs of a deployment and what is kept of it: the steps that changes are made of.

use std::{mem, sync::Arc};

use streamgauge_common::{clock, panics};
use streamgauge_state::{
    deployment::{DeploymentRecord, Savepoint},
    savepoint,
    store::Store,
};
use tracing::warn;

use super::{Deployments, Known, Phase, Refused, compiling::Ready};
use crate::{
    deploy::{Deployment, RuntimeError},
    monitor::Registry,
};

/// Whether somebody asked for a savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Yes,
    No,
}

impl Deployments {
    /// A deployment that is not dropped.
    pub(super) fn find(&self, name: &str) -> Result<(Store, DeploymentRecord), Refused> {
        let known = self.lock();
        let known = known.get(name).filter(|known| known.record.dropped_us.is_none());
        let known = known.ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        Ok((known.folder.clone(), known.record.clone()))
    }

    pub(super) fn check_runs(&self, name: &str, wanted: &str) -> Result<(), Refused> {
        let phase = self.lock().get(name).map(|known| known.phase.clone());
        let is = match phase {
            Some(Phase::Running) => return Ok(()),
            Some(Phase::Failed(_)) => "has failed",
            Some(Phase::Finished) => "has finished",
            Some(Phase::Paused) => "is paused",
            _ => "does not run",
        };
        Err(Refused::Conflict(format!("deployment '{name}' {is}: it cannot be {wanted}")))
    }

    /// Ends what runs of a deployment.
    pub(super) fn stop(&self, name: &str) -> Result<(), Refused> {
        self.set_phase(name, Phase::Changing);
        match self.runtime.drop_deployment(name) {
            Ok(_) | Err(RuntimeError::Unknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a record, as what is known, too.
    pub(super) fn keep(&self, name: &str, folder: &Store, record: DeploymentRecord) -> Result<(), Refused> {
        record.write(folder)?;
        let mut known = self.lock();
        let new = || Known::new(folder.clone(), DeploymentRecord::default(), Phase::Changing);
        let known = known.entry(name.to_owned()).or_insert_with(new);
        known.record = record;
        Ok(())
    }

    /// Does what the record of a deployment of which nothing runs says is to be done before its newest version runs.
    pub(super) fn settle(&self, name: &str) -> Result<(), Refused> {
        let found = self.lock().get(name).map(|known| (known.folder.clone(), known.record.clone()));
        let Some((folder, mut record)) = found else { return Err(Refused::Unknown(name.to_owned())) };
        if let Some(number) = record.restore {
            savepoint::restore(&folder, number, savepoint::Timeline::New)?;
        }
        for query in &record.reset {
            if let Some((_, state)) = folder.existing(query)? {
                state.remove()?;
            }
        }
        let was = (mem::take(&mut record.reset), record.restore.take());
        match was {
            (resets, None) if resets.is_empty() => Ok(()),
            _ => self.keep(name, &folder, record),
        }
    }

    /// Runs the newest version of a deployment; `ready` is that, where it is compiled already.
    pub(super) fn start(&self, name: &str, ready: Option<Ready>) -> Result<(), Refused> {
        let (folder, record) = self.find(name)?;
        let Some(version) = record.current() else { return Err(Refused::Unknown(name.to_owned())) };
        let ready = match ready {
            Some(ready) => ready,
            None => self.compile(name, &version.text, Some(&version.plugins))?,
        };
        // A panic while it is put together is its own as well; what ends the process without one is noted by this.
        let starting = self.panics.starting(name);
        let registry = self.registry(name, version.number)?;
        let wired = panics::working_for(name, || {
            let wire = |deployment: &Deployment<'_>| registry.count(|| self.runtime.wire(deployment));
            self.with(name, &ready.compiled.program, &folder, wire)
        })?;
        // Before anything of it runs: from then on its panics are noted.
        drop(starting);
        self.end_trial(name)?;
        let subscriptions = wired.subscriptions();
        if let Some(known) = self.lock().get_mut(name) {
            known.phase = Phase::Running;
            known.subscriptions = subscriptions;
            known.starts += 1;
        }
        Ok(self.runtime.run(name, wired)?)
    }

    /// Where a version of a deployment counts: anew for each version, so that nothing stays of queries that it does not have.
    fn registry(&self, name: &str, version: u64) -> Result<Arc<Registry>, Refused> {
        let mut known = self.lock();
        let known = known.get_mut(name).ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        if let Some((_, kept)) = known.registry.as_ref().filter(|(of, _)| *of == version) {
            return Ok(kept.clone());
        }
        let new = Registry::new().map_err(|error| Refused::Over(error.to_string()))?;
        let new = Arc::new(new);
        known.registry = Some((version, new.clone()));
        Ok(new)
    }

    pub(super) fn take_savepoint(
        &self,
        folder: &Store,
        record: &mut DeploymentRecord,
        version: u64,
        asked: Asked,
    ) -> Result<u64, Refused> {
        let number = record.savepoints.iter().map(|one| one.number).max().unwrap_or_default() + 1;
        savepoint::take(folder, number)?;
        record.savepoints.push(Savepoint {
            number,
            taken_us: clock::now_us(),
            version,
            asked: asked == Asked::Yes,
        });
        Ok(number)
    }

    /// The record forgets old savepoints. It keeps those that somebody asked for, the newest of the others, and the one that is to be
    /// restored.
    pub(super) fn forget_old_savepoints(&self, record: &mut DeploymentRecord) {
        let kept = self.config().state.savepoints_kept;
        let unasked = record.savepoints.iter().filter(|one| !one.asked).map(|one| one.number);
        let old: Vec<u64> =
            unasked.rev().skip(kept).filter(|number| record.restore != Some(*number)).collect();
        record.savepoints.retain(|one| !old.contains(&one.number));
    }

    /// Removes the savepoints that the record of a deployment does not name. Called when its newest version has started: until then it may
    /// go back to a record that names them.
    pub(super) fn remove_forgotten_savepoints(&self, name: &str) {
        let Ok((folder, record)) = self.find(name) else { return };
        let kept: Vec<u64> = record.savepoints.iter().map(|one| one.number).collect();
        if let Err(error) = savepoint::remove_all_but(&folder, &kept) {
            warn!(
                deployment = name,
                "old savepoints of deployment '{name}' cannot be removed; the next deploy tries again: {error}"
            );
        }
    }

    /// How a deployment is.
    pub(super) fn phase(&self, name: &str) -> Option<Phase> {
        self.lock().get(name).map(|known| known.phase.clone())
    }

    /// A deployment is as it was before it was stopped, as far as that can be.
    pub(super) fn go_on(&self, name: &str, before: Option<Phase>) {
        match before {
            Some(Phase::Running) => {
                if let Err(refused) = self.start(name, None) {
                    self.fail(name, &refused);
                }
            }
            Some(phase) => self.set_phase(name, phase),
            None => {}
        }
    }
}
