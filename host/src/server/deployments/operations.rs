//! Copying, pausing and ending a deployment.

use std::collections::BTreeSet;

use streamgauge_common::clock;
use streamgauge_state::{
    recovery::{self, AcceptError},
    store::Store,
};
use tracing::info;

use super::{Deployments, Phase, Refused, lock_change, running::Asked};
use crate::deploy::RuntimeError;

impl Deployments {
    /// Copies the states of a deployment; they stay until they are removed with it. Gives the number.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn savepoint(&self, name: &str) -> Result<u64, Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        self.finish(name)?;
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

    /// Lets the queries of a deployment that read a source go on with its topic although it was deleted and made anew: at the offsets that
    /// they have, or `from_start`. Their windows stay.
    ///
    /// # Errors
    /// None reads such a source, or one cannot go on.
    pub fn accept_topic(&self, name: &str, source: &str, from_start: bool) -> Result<(), Refused> {
        let changing = self.changing(name);
        let _changing = lock_change(&changing);
        self.find(name)?;
        self.finish(name)?;
        let (folder, record) = self.find(name)?;
        let phase = self.phase(name);
        self.stop(name)?;
        let accepted = accept(name, &folder, source, from_start);
        match (&accepted, phase) {
            (_, _) if record.paused => self.set_phase(name, Phase::Paused),
            // It has failed as its topic is another one.
            (Ok(()), _) => self.start(name, None).inspect_err(|refused| self.fail(name, refused))?,
            (Err(_), phase) => self.go_on(name, phase),
        }
        accepted?;
        info!(
            deployment = name,
            source, "deployment '{name}' goes on with the topic that source '{source}' finds"
        );
        Ok(())
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
        self.find(name)?;
        self.finish(name)?;
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
            self.note_dropped(name);
            info!(deployment = name, "deployment '{name}' is dropped");
        } else if !purge {
            return Err(Refused::Unknown(name.to_owned()));
        }
        if purge { self.purge(name) } else { Ok(()) }
    }
}

fn accept(deployment: &str, folder: &Store, source: &str, from_start: bool) -> Result<(), Refused> {
    let (mut sources, mut reading) = (BTreeSet::new(), Vec::new());
    for (query, state) in folder.folders()? {
        if !recovery::is_state(&state)? {
            continue;
        }
        let read = recovery::source_of(&state)?;
        if read.eq_ignore_ascii_case(source) {
            reading.push((query, state));
        } else {
            sources.insert(read);
        }
    }
    if reading.is_empty() {
        let there = match sources.into_iter().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "it has no state of a query".to_owned(),
            sources => format!("its queries read {sources}"),
        };
        return Err(Refused::Unusable(format!(
            "no query of deployment '{deployment}' that keeps state reads a source '{source}': {there}"
        )));
    }
    for (query, state) in reading {
        recovery::accept_topic(&state, &query, from_start).map_err(|error| match error {
            AcceptError::State(error) => Refused::State(error),
            error => Refused::Conflict(format!(
                "{error}: deploy the text again with reset, `streamgauge deploy FILE --name {deployment} --reset {query}`"
            )),
        })?;
    }
    Ok(())
}
