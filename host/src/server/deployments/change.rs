//! Changes of one deployment.

use std::mem;

use streamgauge_common::{clock, panics};
use streamgauge_state::{
    deployment::{DeploymentRecord, Savepoint, Version},
    savepoint,
    store::Store,
};
use tracing::{info, warn};

use super::{Deployments, Known, Phase, Refused, VERSIONS_MAX, compiling::Ready, is_name, lock_change};
use crate::{
    deploy::{Counts, RuntimeError},
    metrics,
    server::{
        plan::{Planned, unasked},
        shapes::Plan,
    },
};

/// How a text is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The digest of the plan that was agreed to; none = whatever the plan is.
    pub plan_digest: Option<String>,
    /// Queries whose states are removed.
    pub resets: Vec<String>,
    /// Whether a deployment of that name that was dropped goes on.
    pub restore: bool,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Whether the deployment is new.
    pub is_new: bool,
    /// What was done.
    pub plan: Plan,
}

impl Deployments {
    /// What deploying a text would do.
    ///
    /// # Errors
    /// The text cannot be deployed.
    pub fn plan(&self, name: &str, text: &str, resets: &[String]) -> Result<Plan, Refused> {
        check_name(name)?;
        let _using = self.using_components();
        let ready = self.compile(name, text, None)?;
        self.plan_of(name, text, &ready, resets, Counts::Asked)
    }

    /// Deploys a text: a new deployment, or another version of one. An equal text changes nothing.
    ///
    /// # Errors
    /// The text cannot be deployed, its plan is not the one that was agreed to, or a state would be removed that nobody asked to remove;
    /// then everything is as before.
    pub fn deploy(&self, name: &str, text: &str, change: &Change) -> Result<Changed, Refused> {
        check_name(name)?;
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let using = self.using_components();
        let ready = self.compile(name, text, None)?;
        let (is_known, is_dropped) = match self.lock().get(name) {
            Some(known) => (true, known.record.dropped_us.is_some()),
            None => (false, false),
        };
        if is_dropped && !change.restore {
            return Err(Refused::Dropped(name.to_owned()));
        }
        let plan = self.plan_of(name, text, &ready, &change.resets, Counts::Unasked)?;
        if change.plan_digest.as_ref().is_some_and(|digest| *digest != plan.digest) {
            return Err(Refused::Stale(Box::new(plan)));
        }
        let unknown = change
            .resets
            .iter()
            .find(|reset| !plan.queries.iter().any(|query| query.name.eq_ignore_ascii_case(reset)));
        if let Some(unknown) = unknown {
            return Err(Refused::Unusable(format!(
                "reset '{unknown}': the SQL has no query of that name that keeps state"
            )));
        }
        let unasked = unasked(&plan, &change.resets);
        if !unasked.is_empty() {
            let names: Vec<String> = unasked.iter().map(|name| format!("query '{name}'")).collect();
            return Err(Refused::Unasked(names.join(", "), Box::new(plan)));
        }
        if !plan.changes && !is_dropped && self.is_healthy(name) {
            return Ok(Changed { is_new: false, plan });
        }
        self.apply(name, text, ready, &plan)?;
        drop(using);
        self.prune_components()?;
        if let Some(known) = self.lock().get_mut(name) {
            known.plan = Some(plan.clone());
        }
        let version =
            self.lock().get(name).and_then(|known| Some(known.record.current()?.number)).unwrap_or_default();
        info!(deployment = name, version, "deployment '{name}': version {version} runs");
        Ok(Changed { is_new: !is_known, plan })
    }

    /// Whether what should run does: an equal text is deployed anew where it does not.
    fn is_healthy(&self, name: &str) -> bool {
        let is_kept = self
            .lock()
            .get(name)
            .is_some_and(|known| matches!(known.phase, Phase::Running | Phase::Paused | Phase::Finished));
        let status = self.runtime.status().ok();
        let failed = status
            .and_then(|status| status.deployments.into_iter().find(|status| status.name == name))
            .is_some_and(|status| !status.failures.is_empty());
        is_kept && !failed
    }

    fn plan_of(
        &self,
        name: &str,
        text: &str,
        ready: &Ready,
        resets: &[String],
        counts: Counts,
    ) -> Result<Plan, Refused> {
        let found = self.lock().get(name).map(|known| {
            let current = known.record.current().cloned();
            (known.folder.clone(), current)
        });
        let queries = match &found {
            Some((folder, _)) => {
                self.with(name, &ready.compiled.program, folder, |deployment| deployment.plan(counts))?
            }
            // Nothing is created where nothing is deployed.
            None => {
                let empty = Store::memory()?;
                self.with(name, &ready.compiled.program, &empty, |deployment| deployment.plan(counts))?
            }
        };
        let current = found.and_then(|(_, current)| current);
        let is_equal =
            current.as_ref().is_some_and(|current| current.text == text && current.plugins == ready.plugins);
        let warnings = ready
            .compiled
            .warnings
            .iter()
            .map(|found| format!("{}:{}:{}: {}", found.file, found.line, found.column, found.message));
        let planned = Planned {
            deployment: name,
            version: current.map(|current| current.number),
            text,
            plugins: &ready.plugins,
            queries,
            resets,
            warnings: warnings.collect(),
            is_equal,
        };
        Ok(planned.plan())
    }

    /// Makes a text the newest version and runs it. Where that fails, the version before runs again.
    fn apply(&self, name: &str, text: &str, ready: Ready, plan: &Plan) -> Result<(), Refused> {
        use crate::server::shapes::PlannedAction::{Drop, Reset};
        let folder = self.root.folder(name)?;
        let known = self.lock().get(name).map(|known| known.record.clone());
        let before = known.clone().unwrap_or_default();
        self.panics.forget(name);
        self.stop(name)?;
        let mut record = before.clone();
        record.dropped_us = None;
        record.paused = false;
        record.restore = None;
        let removed = plan.queries.iter().filter(|query| matches!(query.action, Reset | Drop));
        record.reset = removed.map(|query| query.name.clone()).collect();
        let savepoint = match before.current() {
            Some(current) => Some(self.take_savepoint(&folder, &mut record, current.number, false)?),
            None => None,
        };
        let number = before.versions.iter().map(|version| version.number).max().unwrap_or_default() + 1;
        record.versions.push(Version {
            number,
            deployed_us: clock::now_us(),
            savepoint,
            text: text.to_owned(),
            plugins: ready.plugins.clone(),
        });
        let over = record.versions.len().saturating_sub(VERSIONS_MAX);
        record.versions.drain(..over);
        self.remove_old_savepoints(&folder, &mut record);
        self.keep(name, &folder, record)?;
        let started = self.settle(name).and_then(|()| self.start(name, Some(ready)));
        match started {
            Ok(()) => Ok(()),
            Err(refused) => {
                self.take_back(name, &folder, known, savepoint);
                Err(refused)
            }
        }
    }

    /// A version that cannot be started is as if it had never been deployed.
    fn take_back(
        &self,
        name: &str,
        folder: &Store,
        before: Option<DeploymentRecord>,
        savepoint: Option<u64>,
    ) {
        let done = match (before, savepoint) {
            (Some(mut record), Some(savepoint)) => {
                let (was_dropped, was_paused) = (record.dropped_us.is_some(), record.paused);
                savepoint::restore(folder, savepoint, savepoint::Timeline::Same)
                    .and_then(|()| savepoint::remove(folder, savepoint))
                    .map_err(Refused::from)
                    .and_then(|()| {
                        record.restore = None;
                        record.reset.clear();
                        self.keep(name, folder, record)?;
                        match (was_dropped, was_paused) {
                            (true, _) => self.set_phase(name, Phase::Dropped),
                            (_, true) => self.set_phase(name, Phase::Paused),
                            _ => return self.start(name, None),
                        }
                        Ok(())
                    })
            }
            // Nothing was there before.
            _ => self.purge(name),
        };
        if let Err(refused) = done {
            self.fail(name, &refused);
        }
    }

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
        let (earlier, current) = (earlier.clone(), current.clone());
        self.stop(name)?;
        let mut record = before.clone();
        let taken = self.take_savepoint(&folder, &mut record, current.number, false)?;
        let number = current.number + 1;
        record.versions.push(Version {
            number,
            deployed_us: clock::now_us(),
            savepoint: Some(taken),
            ..earlier.clone()
        });
        let over = record.versions.len().saturating_sub(VERSIONS_MAX);
        record.versions.drain(..over);
        record.reset.clear();
        record.restore = Some(savepoint);
        record.paused = false;
        self.keep(name, &folder, record)?;
        let started = self.settle(name).and_then(|()| self.start(name, None));
        if let Err(refused) = started {
            self.take_back(name, &folder, Some(before), Some(taken));
            return Err(refused);
        }
        self.set_plan(name, None);
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
        let runs = matches!(self.lock().get(name).map(|known| known.phase.clone()), Some(Phase::Running));
        let version = record.current().map(|current| current.number).unwrap_or_default();
        if runs {
            self.stop(name)?;
        }
        let taken = self.take_savepoint(&folder, &mut record, version, true);
        let taken = taken.and_then(|number| {
            self.keep(name, &folder, record)?;
            Ok(number)
        });
        if runs {
            if let Err(refused) = self.start(name, None) {
                self.fail(name, &refused);
            }
        }
        taken
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
        let is_yet_to_start =
            self.lock().get(name).is_some_and(|known| matches!(known.phase, Phase::Changing));
        if !is_yet_to_start {
            self.check_runs(name, "paused")?;
            self.runtime.pause(name)?;
        }
        record.paused = true;
        record.write(&folder)?;
        if let Some(known) = self.lock().get_mut(name) {
            known.record = record;
            known.phase = Phase::Paused;
        }
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
        record.write(&folder)?;
        if let Some(known) = self.lock().get_mut(name) {
            known.record = record;
        }
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
            self.stop(name)?;
            record.dropped_us = Some(clock::now_us());
            self.keep(name, &folder, record)?;
            self.set_phase(name, Phase::Dropped);
            info!(deployment = name, "deployment '{name}' is dropped");
        } else if !purge {
            return Err(Refused::Unknown(name.to_owned()));
        }
        if purge { self.purge(name) } else { Ok(()) }
    }

    /// A deployment that is not dropped.
    fn find(&self, name: &str) -> Result<(Store, DeploymentRecord), Refused> {
        let known = self.lock();
        let known = known.get(name).filter(|known| known.record.dropped_us.is_none());
        let known = known.ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        Ok((known.folder.clone(), known.record.clone()))
    }

    fn check_runs(&self, name: &str, wanted: &str) -> Result<(), Refused> {
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
    fn stop(&self, name: &str) -> Result<(), Refused> {
        self.set_phase(name, Phase::Changing);
        match self.runtime.drop_deployment(name) {
            Ok(_) | Err(RuntimeError::Unknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a record, as what is known, too.
    fn keep(&self, name: &str, folder: &Store, record: DeploymentRecord) -> Result<(), Refused> {
        record.write(folder)?;
        let mut known = self.lock();
        let known = known.entry(name.to_owned()).or_insert_with(|| Known {
            folder: folder.clone(),
            record: DeploymentRecord::default(),
            phase: Phase::Changing,
            subscriptions: Vec::new(),
            plan: None,
        });
        known.record = record;
        Ok(())
    }

    /// Does what the record of a deployment of which nothing runs says is to be done before its newest version runs.
    pub(super) fn settle(&self, name: &str) -> Result<(), Refused> {
        let (folder, mut record) = self.find(name)?;
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
        // A panic while it is put together is its own as well.
        let wired = panics::working_for(name, || {
            self.with(name, &ready.compiled.program, &folder, |deployment| self.runtime.wire(deployment))
        })?;
        let subscriptions = wired.subscriptions();
        if let Some(known) = self.lock().get_mut(name) {
            known.phase = Phase::Running;
            known.subscriptions = subscriptions;
        }
        self.runtime.run(name, wired)?;
        metrics::starts(name).increment(1);
        Ok(())
    }

    fn take_savepoint(
        &self,
        folder: &Store,
        record: &mut DeploymentRecord,
        version: u64,
        asked: bool,
    ) -> Result<u64, Refused> {
        let number = record.savepoints.iter().map(|one| one.number).max().unwrap_or_default() + 1;
        savepoint::take(folder, number)?;
        record.savepoints.push(Savepoint { number, taken_us: clock::now_us(), version, asked });
        Ok(number)
    }

    /// Of the savepoints that nobody asked for the newest are kept.
    fn remove_old_savepoints(&self, folder: &Store, record: &mut DeploymentRecord) {
        let kept = self.config().state.savepoints_kept;
        let unasked: Vec<u64> =
            record.savepoints.iter().filter(|one| !one.asked).map(|one| one.number).collect();
        let old: Vec<u64> = unasked.iter().rev().skip(kept).copied().collect();
        for number in &old {
            if let Err(error) = savepoint::remove(folder, *number) {
                warn!("savepoint {number} of {} cannot be removed: {error}", folder.shown());
            }
        }
        record.savepoints.retain(|one| !old.contains(&one.number));
    }

    fn set_plan(&self, name: &str, plan: Option<Plan>) {
        if let Some(known) = self.lock().get_mut(name) {
            known.plan = plan;
        }
    }
}

fn check_name(name: &str) -> Result<(), Refused> {
    if is_name(name) { Ok(()) } else { Err(Refused::Name(name.to_owned())) }
}
