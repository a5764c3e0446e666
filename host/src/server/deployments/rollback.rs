//! Going back to an earlier version.

use streamgauge_common::clock;
use streamgauge_state::{
    deployment::{DeploymentRecord, Unfinished, Version},
    savepoint,
};
use tracing::info;

use super::{Deployments, Refused, lock_change};

impl Deployments {
    /// Goes back to an earlier version, with the states that it had then: to the version `to` or, where that is none, to the one before
    /// this one. A rollback of a rollback goes one version further back. Files are appended to: rows since then come again, with other
    /// idempotency keys.
    ///
    /// # Errors
    /// There is no such version, or its savepoint is gone.
    pub fn rollback(&self, name: &str, to: Option<u64>) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        let (_, left) = self.find(name)?;
        self.finish(name)?;
        if left.unfinished() == Some(Unfinished::Restore) {
            // The rollback before this one is finished now.
            self.stop(name)?;
            return self.start(name, None).inspect_err(|refused| self.fail(name, refused));
        }
        let (folder, before) = self.find(name)?;
        let earlier = earlier(name, &before, to)?;
        let Some(savepoint) = before.savepoint_of(earlier.number).map(|savepoint| savepoint.number) else {
            return Err(Refused::Conflict(format!(
                "deployment '{name}': the savepoint of version {} is gone, as `state.savepoints_kept` is {}; deploy its text again",
                earlier.number,
                self.config().state.savepoints_kept
            )));
        };
        if !savepoint::is_there(&folder, savepoint)? {
            return Err(Refused::Conflict(format!(
                "deployment '{name}': savepoint {savepoint}, which has the states of version {}, is gone from the state; deploy its text \
                 again",
                earlier.number
            )));
        }
        let number = before.next_version();
        let record =
            DeploymentRecord { reset: Vec::new(), restore: Some(savepoint), paused: false, ..before.clone() };
        let origin = Some(earlier.origin.unwrap_or(earlier.number));
        let deployed_us = clock::now_us();
        let next = |savepoint| Version { number, deployed_us, savepoint, origin, ..earlier.clone() };
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
}

/// The version that is gone back to.
fn earlier(name: &str, record: &DeploymentRecord, to: Option<u64>) -> Result<Version, Refused> {
    let current = record.current().map(|current| current.number).unwrap_or_default();
    let Some(to) = to else {
        let nothing = || Refused::Conflict(format!("deployment '{name}' has no version before this one"));
        return record.before_current().cloned().ok_or_else(nothing);
    };
    if to == current {
        return Err(Refused::Conflict(format!("deployment '{name}': version {to} is the one that runs")));
    }
    record.versions.iter().find(|version| version.number == to).cloned().ok_or_else(|| {
        let others = record.versions.iter().map(|version| version.number).filter(|&number| number != current);
        let others: Vec<String> = others.map(|number| number.to_string()).collect();
        let kept = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        Refused::Conflict(format!("deployment '{name}' has no version {to} any more or yet; of those before this one are kept: {kept}"))
    })
}
