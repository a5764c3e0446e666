//! Changes of one deployment.

use streamgauge_common::clock;
use streamgauge_sql::{
    Program,
    manifest::{Manifest, Target},
};
use streamgauge_state::{
    deployment::{DeploymentRecord, Trial, Version},
    store::Store,
};
use tracing::info;

use super::{
    Deployments, Phase, Refused, VERSIONS_MAX, compiling::Ready, is_name, lock_change, running::Asked,
};
use crate::{
    deploy::Counts,
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
    /// Whether a deployment that is paused stays so.
    pub keeps_pause: bool,
    /// The checksum of the file that it comes from; none = it comes from no file of the folder.
    pub file: Option<u64>,
}

/// Views that do not run, since nothing reads them.
fn unread_views(program: &Program) -> impl Iterator<Item = String> {
    let is_read =
        |name: &str| program.queries.iter().any(|query| query.plan.manifest.input.query() == Some(name));
    let views = program.queries.iter().map(|query| &query.plan.manifest);
    let unread = views.filter(move |view| view.target == Target::View && !is_read(&view.name));
    unread.map(|Manifest { name, .. }| {
        format!("view '{name}' does not run, as nothing reads it; `SELECT * FROM {name};` lets `tail` show its rows")
    })
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
    /// What deploying a text would do; `restore` = as [`Change::restore`].
    ///
    /// # Errors
    /// The text cannot be deployed, or the deployment was dropped and is not to be restored.
    pub fn plan(&self, name: &str, text: &str, resets: &[String], restore: bool) -> Result<Plan, Refused> {
        check_name(name)?;
        let is_dropped = self.lock().get(name).is_some_and(|known| known.record.dropped_us.is_some());
        if is_dropped && !restore {
            return Err(Refused::Dropped(name.to_owned()));
        }
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
        // The plan is of the states as they are then.
        self.finish(name)?;
        let using = self.using_components();
        let ready = self.compile(name, text, None)?;
        let (is_known, is_dropped) = match self.lock().get(name) {
            Some(known) => (true, known.record.dropped_us.is_some()),
            None => (false, false),
        };
        let is_damaged = self.lock().get(name).is_some_and(|known| known.record.versions.is_empty());
        if is_damaged {
            return Err(Refused::Conflict(format!(
                "deployment '{name}': its record is damaged; bring the folder back from a backup, or drop it with purge"
            )));
        }
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
            self.note_file(name, change.file)?;
            return Ok(Changed { is_new: false, plan });
        }
        self.apply(name, text, ready, &plan, change)?;
        drop(using);
        self.note_file(name, change.file)?;
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
    pub(super) fn is_healthy(&self, name: &str) -> bool {
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
            (known.folder.clone(), current, known.record.dropped_us.is_some())
        });
        let queries = match &found {
            Some((folder, ..)) => {
                self.with(name, &ready.compiled.program, folder, |deployment| deployment.plan(counts))?
            }
            // Nothing is created where nothing is deployed.
            None => {
                let empty = Store::memory()?;
                self.with(name, &ready.compiled.program, &empty, |deployment| deployment.plan(counts))?
            }
        };
        let is_dropped = found.as_ref().is_some_and(|&(.., is_dropped)| is_dropped);
        let current = found.and_then(|(_, current, _)| current);
        let is_equal = !is_dropped
            && current
                .as_ref()
                .is_some_and(|current| current.text == text && current.plugins == ready.plugins);
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
            warnings: warnings.chain(unread_views(&ready.compiled.program)).collect(),
            is_equal,
        };
        Ok(planned.plan())
    }

    /// Makes a text the newest version and runs it. Where that fails, everything is as before.
    fn apply(
        &self,
        name: &str,
        text: &str,
        ready: Ready,
        plan: &Plan,
        change: &Change,
    ) -> Result<(), Refused> {
        use crate::server::shapes::PlannedAction::{Drop, Reset};
        let known = self.lock().get(name).map(|known| known.record.clone());
        let before = known.clone().unwrap_or_default();
        let folder = match known {
            Some(_) => self.root.folder(name)?,
            None => self.new_folder(name)?,
        };
        self.panics.forget(name);
        let removed = plan.queries.iter().filter(|query| matches!(query.action, Reset | Drop));
        let record = DeploymentRecord {
            dropped_us: None,
            paused: before.paused && change.keeps_pause,
            restore: None,
            reset: removed.map(|query| query.name.clone()).collect(),
            ..before.clone()
        };
        let next = |savepoint| Version {
            number: before.next_version(),
            deployed_us: clock::now_us(),
            savepoint,
            text: text.to_owned(),
            plugins: ready.plugins.clone(),
            origin: None,
        };
        let savepoint = self.begin_version(name, &folder, &before, record, next)?;
        let is_paused = before.paused && change.keeps_pause;
        let started = self.settle(name).and_then(|()| match is_paused {
            true => {
                self.set_phase(name, Phase::Paused);
                self.end_trial(name)
            }
            false => self.start(name, Some(ready)),
        });
        match started {
            Ok(()) => self.remove_forgotten_savepoints(name),
            Err(_) => self.take_back(name, &folder, known, savepoint),
        }
        started
    }

    /// Ends what runs, and keeps a record with one more version, behind a savepoint of the version before. What cannot be kept is not
    /// begun: the version before runs again.
    pub(super) fn begin_version(
        &self,
        name: &str,
        folder: &Store,
        before: &DeploymentRecord,
        mut record: DeploymentRecord,
        next: impl FnOnce(Option<u64>) -> Version,
    ) -> Result<Option<u64>, Refused> {
        let phase = self.phase(name);
        self.stop(name)?;
        let begun = || {
            let current = before.current().map(|current| current.number);
            let savepoint = current
                .map(|version| self.take_savepoint(folder, &mut record, version, Asked::No))
                .transpose()?;
            record.versions.push(next(savepoint));
            let over = record.versions.len().saturating_sub(VERSIONS_MAX);
            record.versions.drain(..over);
            self.forget_old_savepoints(&mut record);
            let (paused, dropped_us) = (before.paused, before.dropped_us);
            record.trial = Some(Trial { paused, dropped_us, failed: false });
            self.keep(name, folder, record)?;
            Ok(savepoint)
        };
        let begun: Result<Option<u64>, Refused> = begun();
        begun.inspect_err(|_| self.go_on(name, phase))
    }

    /// The folder of a deployment that is new: what a kill left of one of that name is no state, and goes.
    fn new_folder(&self, name: &str) -> Result<Store, Refused> {
        self.root.folder(name)?.remove()?;
        Ok(self.root.folder(name)?)
    }

    /// Keeps from which file a deployment comes.
    fn note_file(&self, name: &str, file: Option<u64>) -> Result<(), Refused> {
        let (folder, mut record) = self.find(name)?;
        match file {
            Some(_) if record.file != file => {
                record.file = file;
                self.keep(name, &folder, record)
            }
            _ => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), Refused> {
    if is_name(name) { Ok(()) } else { Err(Refused::Name(name.to_owned())) }
}
