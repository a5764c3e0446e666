//! How deployments and their queries are, as the API shows it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Deployments, Known, Phase, Refused, in_words};
use crate::{
    deploy::{RuntimeStatus, State, Status},
    monitor::Registry,
    query::{QueryProgress, Subscription},
    server::shapes::{self, Deployment, DeploymentDetail, DeploymentState, Query, time},
};

impl Deployments {
    /// All of them, by name.
    ///
    /// # Errors
    /// The runtime has ended.
    pub fn list(&self) -> Result<Vec<Deployment>, Refused> {
        let status = self.runtime.status()?;
        Ok(self.lock().iter().map(|(name, known)| deployment(name, known, find(&status, name))).collect())
    }

    /// One of them, whole.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn detail(&self, name: &str) -> Result<DeploymentDetail, Refused> {
        let status = self.runtime.status()?;
        let known = self.lock();
        let known = known.get(name).ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        let record = &known.record;
        let current = record.current();
        let earlier = record.versions.iter().rev().skip(1).map(|version| shapes::Version {
            number: version.number,
            deployed_at: time(version.deployed_us),
            savepoint: record.savepoint_of(version.number).map(|savepoint| savepoint.number),
            repeats: version.origin,
        });
        let savepoints = record.savepoints.iter().rev().map(|savepoint| shapes::Savepoint {
            number: savepoint.number,
            taken_at: time(savepoint.taken_us),
            version: savepoint.version,
            asked: savepoint.asked,
        });
        Ok(DeploymentDetail {
            deployment: deployment(name, known, find(&status, name)),
            text: current.map(|version| version.text.clone()).unwrap_or_default(),
            plugins: current.map(|version| version.plugins.iter().cloned().collect()).unwrap_or_default(),
            versions: earlier.collect(),
            repeats: current.and_then(|version| version.origin),
            rolls_back_to: record.before_current().map(|version| version.number),
            savepoints: savepoints.collect(),
            plan: known.plan.clone(),
        })
    }

    /// One of them, whole, with the SQL and the components of an earlier version.
    ///
    /// # Errors
    /// There is none of that name, or it has no such version any more.
    pub fn detail_of(&self, name: &str, version: u64) -> Result<DeploymentDetail, Refused> {
        let mut detail = self.detail(name)?;
        let known = self.lock();
        let known = known.get(name).ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        let found = known.record.versions.iter().find(|one| one.number == version);
        let found = found.ok_or_else(|| Refused::UnknownVersion(name.to_owned(), version))?;
        detail.text.clone_from(&found.text);
        detail.plugins = found.plugins.iter().cloned().collect();
        Ok(detail)
    }

    /// All queries that run.
    ///
    /// # Errors
    /// The runtime has ended.
    pub fn queries(&self) -> Result<Vec<Query>, Refused> {
        Ok(self.list()?.into_iter().flat_map(|deployment| deployment.queries).collect())
    }

    /// What a query shows of itself, and the use of its source. Its name is `DEPLOYMENT.QUERY`.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn progress(&self, name: &str) -> Result<(Arc<Subscription>, Arc<QueryProgress>), Refused> {
        let unknown = || Refused::Unknown(name.to_owned());
        let (deployment, query) = name.split_once('.').ok_or_else(unknown)?;
        let known = self.lock();
        let known = known.get(deployment).ok_or_else(unknown)?;
        let mut queries = known.subscriptions.iter().flat_map(|subscription| {
            subscription.queries().into_iter().map(|query| (subscription.clone(), query))
        });
        queries.find(|(_, progress)| progress.name() == query).ok_or_else(unknown)
    }

    /// Whether a deployment that is not dropped was made as a file of the folder with this checksum says.
    pub fn is_from(&self, name: &str, file: u64) -> bool {
        let known = self.lock();
        let known = known.get(name).filter(|known| known.record.dropped_us.is_none());
        known.is_some_and(|known| known.record.file == Some(file))
    }

    /// Whether a deployment ever came from a file of the folder.
    pub fn is_of_file(&self, name: &str) -> bool {
        self.lock().get(name).is_some_and(|known| known.record.file.is_some())
    }

    /// How far each use of a source by a deployment is.
    pub fn subscriptions(&self) -> BTreeMap<String, Vec<Arc<Subscription>>> {
        let known = self.lock();
        let running = known.iter().filter(|(_, known)| matches!(known.phase, Phase::Running));
        running.map(|(name, known)| (name.clone(), known.subscriptions.clone())).collect()
    }

    /// How often each deployment that is not dropped was started in this process.
    pub fn starts(&self) -> BTreeMap<String, u64> {
        let known = self.lock();
        let there = known.iter().filter(|(_, known)| known.record.dropped_us.is_none());
        there.map(|(name, known)| (name.clone(), known.starts)).collect()
    }

    /// What is counted of deployments, each for itself; nothing of those that were dropped.
    pub fn registries(&self) -> Vec<Arc<Registry>> {
        self.lock().values().filter_map(|known| Some(known.registry.as_ref()?.1.clone())).collect()
    }

    /// Whether all deployments that should run do, and read. An error names one that does not, and says why.
    ///
    /// # Errors
    /// One is not past its recovery.
    pub fn ready(&self) -> Result<(), (String, String)> {
        for (name, known) in &*self.lock() {
            match &known.phase {
                Phase::Changing => return Err((name.clone(), "it is being started".to_owned())),
                Phase::Running => {
                    let mut waiting = known.subscriptions.iter().filter(|one| {
                        // What has failed is shown as failed, and begins no more by itself.
                        !one.progress.has_begun() && one.failure.get().is_none()
                    });
                    if let Some(waiting) = waiting.next() {
                        return Err((name.clone(), format!("source '{}' is not read yet", waiting.source)));
                    }
                }
                Phase::Paused | Phase::Failed(_) | Phase::Finished | Phase::Dropped => {}
            }
        }
        Ok(())
    }

    /// Whether a deployment reads all that it should, or will not by itself: it was paused, or has failed or finished. An error says why it
    /// has failed.
    ///
    /// # Errors
    /// Its failure.
    pub fn is_settled(&self, name: &str) -> Result<bool, Refused> {
        let shown = self.detail(name)?.deployment;
        match shown.state {
            DeploymentState::Starting => Ok(false),
            DeploymentState::Failed => Err(Refused::Unusable(shown.reason.unwrap_or_default())),
            _ => Ok(true),
        }
    }
}

fn find<'a>(status: &'a RuntimeStatus, name: &str) -> Option<&'a Status> {
    status.deployments.iter().find(|status| status.name == name)
}

fn deployment(name: &str, known: &Known, status: Option<&Status>) -> Deployment {
    let Known { record, phase, subscriptions, .. } = known;
    let failures = status.map(|status| status.failures.as_slice()).unwrap_or_default();
    let has_begun = subscriptions.iter().all(|subscription| subscription.progress.has_begun());
    let (state, reason) = match (phase, status.map(|status| status.state)) {
        (Phase::Dropped, _) => (DeploymentState::Dropped, None),
        (Phase::Failed(why), _) => (DeploymentState::Failed, Some(why.clone())),
        (Phase::Finished, _) => (DeploymentState::Finished, None),
        (Phase::Paused, _) => (DeploymentState::Paused, in_words(failures)),
        (Phase::Changing, Some(State::Leaving | State::Delivering)) => (DeploymentState::Ending, None),
        (Phase::Changing, _) => (DeploymentState::Starting, None),
        (Phase::Running, _) if !failures.is_empty() => (DeploymentState::Failed, in_words(failures)),
        (Phase::Running, Some(State::Leaving | State::Delivering)) => (DeploymentState::Ending, None),
        (Phase::Running, _) if !has_begun => {
            let waiting = subscriptions.iter().find(|subscription| !subscription.progress.has_begun());
            let why = waiting.map(|waiting| format!("source '{}' is not read yet", waiting.source));
            (DeploymentState::Starting, why)
        }
        (Phase::Running, _) => (DeploymentState::Running, None),
    };
    let current = record.current();
    let queries = subscriptions.iter().flat_map(|subscription| {
        subscription.queries().into_iter().map(|progress| query(name, subscription, &progress, failures))
    });
    Deployment {
        name: name.to_owned(),
        state,
        reason,
        version: current.map(|version| version.number).unwrap_or_default(),
        deployed_at: time(current.map(|version| version.deployed_us).unwrap_or_default()),
        dropped_at: record.dropped_us.map(time),
        queries: if record.dropped_us.is_some() { Vec::new() } else { queries.collect() },
    }
}

fn query(
    deployment: &str,
    subscription: &Subscription,
    progress: &QueryProgress,
    failures: &[(String, String)],
) -> Query {
    let counts = progress.counts();
    let who = format!("query '{}'", progress.name());
    let whole = format!("source '{}'", subscription.source);
    let failure = failures.iter().find(|(failed, _)| *failed == who || *failed == whole);
    let outbox = progress.outbox_age();
    let watermark = Some(subscription.progress.watermark_us()).filter(|&us| us != i64::MIN && us != i64::MAX);
    Query {
        name: format!("{deployment}.{}", progress.name()),
        source: subscription.source.clone(),
        failure: failure.map(|(_, why)| why.clone()),
        events: subscription.progress.events(),
        rows: counts.rows,
        late: counts.late,
        dead_letters: counts.dead_letters,
        lag: progress.lag(),
        outbox_rows: progress.outbox_rows(),
        sink: outbox.map(|(sink, _)| sink.to_owned()),
        outbox_age_seconds: outbox.map(|(_, age)| age.as_secs_f64()),
        checkpoint_age_seconds: progress.checkpoint_age().map(|age| age.as_secs_f64()),
        watermark: watermark.map(time),
    }
}
