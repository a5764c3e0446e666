//! What is known of a query before it runs: what an earlier run has kept of it, and whether the program fits that.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::message::Message;
use streamgauge_engine::{StateSegment, StateVersions};
use streamgauge_sql::manifest::{Manifest, Source, Target};
use streamgauge_state::{
    admitted::{self, AdmissionLimits},
    backend::{BackendSettings, RecoveredState},
    error::StateError,
    fingerprint::StateFingerprint,
    manifest::TaskManifest,
    recovery::{self, Recovered, RecoveredDecisions},
    store::Store,
};

use super::{Deployment, DeploymentBuilder, resumed::resumed};
use crate::{deploy::DeployError, metrics, query::RunningQuery};

/// What is known of a query before it runs.
pub(super) struct KnownQuery {
    /// The course of its rows.
    pub(super) timeline: u128,
    /// Whether an earlier run had its state.
    pub(super) goes_on: bool,
    pub(super) recovered: Option<(RecoveredState, BackendSettings)>,
    pub(super) checkpoint: Option<(TaskManifest, Vec<StateSegment>)>,
    pub(super) decisions: RecoveredDecisions,
    pub(super) unacknowledged: BTreeMap<String, Vec<Arc<Message>>>,
}

impl Deployment<'_> {
    /// What was kept of a query; a course of its own where nothing is.
    pub(super) fn recover_query(
        &self,
        manifest: &Manifest,
        source: &Source,
        versions: &[StateVersions],
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<KnownQuery, DeployError> {
        let Some(store) = &self.state else {
            let timeline = fastrand::u128(..);
            let (decisions, unacknowledged) = (RecoveredDecisions::default(), BTreeMap::new());
            return Ok(KnownQuery {
                timeline,
                goes_on: false,
                recovered: None,
                checkpoint: None,
                decisions,
                unacknowledged,
            });
        };
        let bad = |error: &dyn std::fmt::Display| {
            DeployError::Runtime(format!("error: query '{}': {error}", manifest.name))
        };
        let folder = store.folder(&manifest.name).map_err(|error| bad(&error))?;
        let fingerprint = StateFingerprint::of(manifest, Some(source), versions);
        let recovered =
            recovery::open(folder, &fingerprint, self.checkpoints_kept).map_err(|error| match error {
                StateError::Changed { .. } => DeployError::Runtime(format!(
                    "error: query '{}': {error}\nhelp: {}",
                    manifest.name,
                    self.help_for_changed(manifest)
                )),
                error => bad(&error),
            })?;
        let Recovered {
            state,
            identity,
            timeline,
            goes_on,
            checkpoint,
            checkpoint_us,
            decisions,
            unacknowledged,
            notices,
        } = recovered;
        builder.created.extend((!goes_on).then(|| manifest.name.clone()));
        let metrics = metrics::checkpoints(self.name, &manifest.name);
        let settings = BackendSettings { log: self.limits.log(), metrics };
        let at_checkpoint = checkpoint.as_ref().map(|(saved, _)| saved.decided.run);
        let is_between = at_checkpoint.is_none_or(|run| run == decisions.decided.run);
        self.check_and_write_limits(&manifest.name, &state.store, is_between)?;
        builder.notices.extend(notices.into_iter().map(|text| format!("query '{}': {text}", manifest.name)));
        builder.files.resumed |= checkpoint.is_some();
        // What files hold was written in an earlier timeline where a savepoint was restored.
        builder.files.identities.extend([identity, timeline]);
        builder.begun.extend(checkpoint.is_none().then(|| manifest.name.clone()));
        let unfinished = checkpoint.as_ref().filter(|(saved, _)| !saved.finished);
        builder.notices.extend(unfinished.map(|(saved, _)| resumed(&manifest.name, saved, checkpoint_us)));
        Ok(KnownQuery {
            timeline,
            goes_on,
            recovered: Some((state, settings)),
            checkpoint,
            decisions,
            unacknowledged,
        })
    }

    /// Refuses a state in which operators have state that the program has no more: it would be lost.
    pub(super) fn check_operators(
        &self,
        running: &RunningQuery,
        saved: &TaskManifest,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<(), DeployError> {
        let names = running.operator_names();
        let name = running.name();
        if let Some(lost) = saved.operators.iter().find(|(id, _)| !names.contains_key(id)) {
            let there: Vec<&str> = names
                .iter()
                .filter(|(id, _)| !saved.operators.contains_key(id))
                .map(|(_, text)| text.as_str())
                .collect();
            let there = if there.is_empty() { "nothing instead".to_owned() } else { there.join("; ") };
            return Err(DeployError::Runtime(format!(
                "error: query '{name}': its state holds what an operator keeps, {}; the program has {there}\nhelp: {}",
                lost.1,
                self.help_for_changed(running.manifest())
            )));
        }
        let begin = names.iter().filter(|(id, _)| !saved.operators.contains_key(id));
        builder.notices.extend(begin.map(|(_, meaning)| {
            format!(
                "query '{name}': {meaning} begins now: the state knows no rows of windows that closed before"
            )
        }));
        Ok(())
    }

    /// The limits that decide which events a window has may change only where no window may be half decided.
    fn check_and_write_limits(
        &self,
        query: &str,
        store: &Store,
        is_between: bool,
    ) -> Result<(), DeployError> {
        let (before, now) = (admitted::read(store), self.limits.admission());
        let failed = |error: StateError| DeployError::Runtime(format!("error: query '{query}': {error}"));
        let before = before.map_err(failed)?;
        if before == now {
            return Ok(());
        }
        if is_between {
            return admitted::write(store, &now).map_err(failed);
        }
        let AdmissionLimits { groups_max, record_bytes_max } = before;
        Err(DeployError::Runtime(format!(
            "error: query '{query}': it was killed, and what it had decided since its last checkpoint must be decided in the same way \
             again: max_groups and max_record_bytes cannot be changed now\n\
             help: {}; then they can be changed",
            self.advice.limits(&[("max_groups", groups_max), ("max_record_bytes", record_bytes_max)])
        )))
    }

    /// What to do where a query means something else than its state.
    fn help_for_changed(&self, manifest: &Manifest) -> String {
        let removal = |store| self.advice.removal(self.name, store, &manifest.name);
        let removal = self.state.as_ref().map(removal).unwrap_or_default();
        let given = match manifest.target {
            Target::View => "give the new query a name of its own",
            _ => {
                "give the new query a name, as in CREATE VIEW name AS SELECT ...: state follows the name, and that of a statement without one what it means"
            }
        };
        format!("bring the query back as it was; or {given}; or, to begin it anew, first: {removal}")
    }
}
