//! The deployments of a host: named query files, what runs of them, and what is kept of them.
//!
//! Changes of a deployment are made one after the other, those of several side by side. Each change is
//! written to the record of its deployment ([`DeploymentRecord`]) before it is made: a process that is killed meanwhile finishes the change
//! at its next start, or has not begun it. Requests that only read do not wait for changes.

mod change;
mod compiling;
mod components;
mod operations;
mod rollback;
mod running;
mod shown;
mod unfinished;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use streamgauge_common::{clock, wakeup::Stop};
use streamgauge_component::plugins::Plugins;
use streamgauge_sql::Diagnostic;
use streamgauge_state::{deployment::DeploymentRecord, error::StateError, recovery, savepoint, store::Store};
use tracing::{error, info, warn};

use super::{panics::Panics, plugins::PluginStore, shapes::Plan};
use crate::{
    config::Config,
    deliver::permissions::Forbidden,
    deploy::{Connectors, DeployError, DeploymentEnd, HostResources, Runtime, RuntimeError, RuntimeEvent},
    monitor::Registry,
    query::Subscription,
    traces::Traces,
};

pub use self::change::Change;
pub(crate) use self::compiling::secrets as folder_secrets;

/// How many versions of a deployment are kept.
const VERSIONS_MAX: usize = 10;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No deployment can have this name.
    #[error(
        "'{0}' can be no name of a deployment: use 1 to 63 lower-case letters, digits, '-' and '_', beginning with a letter or a digit"
    )]
    Name(String),
    /// There is no deployment of this name.
    #[error("there is no deployment '{0}'")]
    Unknown(String),
    /// A deployment has no such version, or none any more.
    #[error("deployment '{0}' has no version {1} any more or yet")]
    UnknownVersion(String, u64),
    /// The SQL is wrong.
    #[error("the SQL cannot be deployed")]
    Sql(Vec<Diagnostic>),
    /// The operator does not let it reach something.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The plan that was agreed to is not the plan any more.
    #[error("the plan is not the one with this digest any more: look at it again")]
    Stale(Box<Plan>),
    /// States would be removed that nobody asked to remove.
    #[error(
        "the state of {0} does not fit and would be removed: ask for it with `deploy --reset QUERY` (`?reset=QUERY` of the API), or give the changed query another name"
    )]
    Unasked(String, Box<Plan>),
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// A deployment that was dropped has state.
    #[error(
        "deployment '{0}' was dropped, and its state is kept: `deploy --restore` (`?restore=true`) goes on from that, and `drop {0} --purge` (`?purge=true`) removes it"
    )]
    Dropped(String),
    /// The program cannot be run as it is.
    #[error("{0}")]
    Unusable(String),
    /// The state cannot be read or written.
    #[error("{0}")]
    State(#[from] StateError),
    /// The runtime has ended.
    #[error("{0}")]
    Over(String),
}

/// How a deployment is, beside what the runtime knows of it.
#[derive(Clone, Debug)]
enum Phase {
    /// The runtime has it.
    Running,
    /// Nothing runs: it was paused.
    Paused,
    /// Nothing runs: it could not be started, or all of it has failed.
    Failed(String),
    /// Nothing runs: all its input was read.
    Finished,
    /// Nothing runs: it was dropped.
    Dropped,
    /// It is being changed.
    Changing,
}

/// What is known of a deployment.
struct Known {
    folder: Store,
    record: DeploymentRecord,
    phase: Phase,
    subscriptions: Vec<Arc<Subscription>>,
    /// What the last change did, in this process.
    plan: Option<Plan>,
    /// How often it was started in this process.
    starts: u64,
    /// What is counted of a version, by its number: its queries are not those of the next one. It goes with the deployment.
    registry: Option<(u64, Arc<Registry>)>,
}

impl Known {
    fn new(folder: Store, record: DeploymentRecord, phase: Phase) -> Self {
        Self { folder, record, phase, subscriptions: Vec::new(), plan: None, starts: 0, registry: None }
    }
}

type AllKnown = Arc<Mutex<BTreeMap<String, Known>>>;

/// The deployments of a host.
pub struct Deployments {
    runtime: Runtime,
    root: Store,
    plugins: Arc<Plugins>,
    connectors: Connectors,
    components: PluginStore,
    panics: Panics,
    traces: Traces,
    config: RwLock<Arc<Config>>,
    known: AllKnown,
    /// By deployment: held while it is changed.
    changes: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    /// Read by whoever needs components that no record names yet; who removes components writes.
    components_used: RwLock<()>,
}

impl Deployments {
    /// The deployments that a place keeps; none runs before [`start_all`](Self::start_all). All of them end where `stop` is set.
    ///
    /// # Errors
    /// What is kept cannot be read, or the place holds something else.
    pub fn open(root: Store, config: Config, plugins: Arc<Plugins>, stop: Stop) -> Result<Self, Refused> {
        let known: AllKnown = Arc::default();
        for (name, folder) in root.folders()? {
            let read = match DeploymentRecord::read(&folder) {
                Err(error) if error.is_damage() => {
                    let phase = Phase::Failed(error.to_string());
                    error!(deployment = name, "error: deployment '{name}' is not started: {error}");
                    let record = DeploymentRecord::default();
                    lock(&known).insert(name, Known::new(folder, record, phase));
                    continue;
                }
                read => read?,
            };
            let Some(record) = read else {
                // What a file system has of its own, as `lost+found`, is left alone.
                if !recovery::is_state(&folder)? {
                    continue;
                }
                return Err(Refused::Conflict(format!(
                    "'{}' holds the state of a query '{name}', and no deployment: it is the state of `streamgauge run`; choose another \
                     place for the state of this host",
                    root.shown()
                )));
            };
            let phase = match &record {
                record if record.dropped_us.is_some() => Phase::Dropped,
                record if record.paused => Phase::Paused,
                _ => Phase::Changing,
            };
            lock(&known).insert(name, Known::new(folder, record, phase));
        }
        let (ended, stopped) = (known.clone(), stop.clone());
        let tell = move |RuntimeEvent::Ended(name, end)| note_end(&ended, &name, &end, &stopped);
        let resources = HostResources::new(&config.limits);
        let runtime = Runtime::start(Arc::new(tell), stop, resources)
            .map_err(|error| Refused::Over(format!("cannot start a thread: {error}")))?;
        let components = PluginStore::new(&root, config.plugins_folder.clone())?;
        let panics =
            Panics::new(&root).map_err(|error| Refused::Over(format!("cannot note panics: {error}")))?;
        Ok(Self {
            runtime,
            root,
            plugins,
            connectors: Connectors::default(),
            components,
            panics,
            traces: Traces::default(),
            config: RwLock::new(Arc::new(config)),
            known,
            changes: Mutex::default(),
            components_used: RwLock::default(),
        })
    }

    /// The same, whose work is traced.
    #[must_use]
    pub fn traced(self, traces: &Traces) -> Self {
        Self { traces: traces.clone(), ..self }
    }

    /// Starts all that were running, each for itself: one that cannot be started is shown as failed.
    pub fn start_all(&self) {
        let names: Vec<String> = self
            .lock()
            .iter()
            .filter(|(_, known)| known.record.dropped_us.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let changing = self.changing(&name);
            let _changing = lock_change(&changing);
            // Somebody may have changed it before it was its turn.
            let is_due = self
                .lock()
                .get(&name)
                .is_some_and(|known| matches!(known.phase, Phase::Changing | Phase::Paused));
            if !is_due {
                continue;
            }
            self.start_kept(&name);
        }
    }

    /// Why a deployment is not started: its work ended the host several times, and it has come no further since.
    fn forbidden(&self, name: &str) -> Option<String> {
        let folder = self.lock().get(name)?.folder.clone();
        // Read only where panics are noted.
        let progress_us = || {
            let queries = folder.folders().ok()?;
            queries.into_iter().filter_map(|(_, query)| recovery::look(&query).ok()?.checkpoint_us).max()
        };
        self.panics.forbids(name, progress_us)
    }

    /// Where it is noted whose work panics.
    pub fn panics(&self) -> &Panics {
        &self.panics
    }

    /// What holds now.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another configuration holds from now on, for what is deployed from now on.
    pub fn set_config(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Why the runtime has ended, if a bug ended it.
    pub fn panicked(&self) -> Option<String> {
        self.runtime.panicked()
    }

    /// All deployments drain and end. Waits for them.
    pub fn shut_down(&self) {
        // Where the supervisor has failed that is told already.
        drop(self.runtime.shut_down());
    }

    /// Removes the states of deployments that were dropped long enough ago.
    pub fn forget_dropped(&self) {
        let retention = i64::try_from(self.config().state.drop_retention.as_micros()).unwrap_or(i64::MAX);
        let now = clock::now_us();
        let due: Vec<String> = self
            .lock()
            .iter()
            .filter(|(_, known)| {
                known.record.dropped_us.is_some_and(|at| at.saturating_add(retention) <= now)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let changing = self.changing(&name);
            let _changing = lock_change(&changing);
            match self.purge(&name) {
                Ok(()) => info!(
                    deployment = name,
                    "deployment '{name}': its state is removed, as it was dropped long enough ago"
                ),
                Err(refused) => {
                    warn!(deployment = name, "deployment '{name}': its state cannot be removed: {refused}")
                }
            }
        }
    }

    /// Removes all that is kept of a deployment of which nothing runs.
    fn purge(&self, name: &str) -> Result<(), Refused> {
        let folder = match self.lock().get(name) {
            Some(known) => known.folder.clone(),
            None => return Ok(()),
        };
        savepoint::remove_all(&folder)?;
        for (_, query) in folder.folders()? {
            query.remove()?;
        }
        // The last: what it says is true until then.
        DeploymentRecord::remove(&folder)?;
        folder.remove()?;
        self.lock().remove(name);
        self.prune_components()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        lock(&self.known)
    }

    /// What is held while a deployment is changed: each waits for its own changes only.
    fn changing(&self, name: &str) -> Arc<Mutex<()>> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds or waits for are made anew.
        changes.retain(|_, held| Arc::strong_count(held) > 1);
        changes.entry(name.to_owned()).or_default().clone()
    }

    fn set_phase(&self, name: &str, phase: Phase) {
        if let Some(known) = self.lock().get_mut(name) {
            known.phase = phase;
        }
    }

    /// Nothing of a deployment is shown on the page of metrics any more.
    fn note_dropped(&self, name: &str) {
        if let Some(known) = self.lock().get_mut(name) {
            known.phase = Phase::Dropped;
            (known.starts, known.registry) = (0, None);
        }
    }

    fn fail(&self, name: &str, refused: &Refused) {
        let why = refused.in_words();
        error!(deployment = name, "error: deployment '{name}' cannot be started: {why}");
        self.set_phase(name, Phase::Failed(why));
    }
}

impl Refused {
    /// All that it says, on one line.
    pub fn in_words(&self) -> String {
        match self {
            Self::Sql(diagnostics) => {
                let lines: Vec<String> = diagnostics
                    .iter()
                    .map(|found| format!("{}:{}:{}: {}", found.file, found.line, found.column, found.message))
                    .collect();
                lines.join("; ")
            }
            refused => refused.to_string(),
        }
    }
}

impl From<DeployError> for Refused {
    fn from(error: DeployError) -> Self {
        let (DeployError::Input(text) | DeployError::Usage(text) | DeployError::Runtime(text)) = error;
        Self::Unusable(text.strip_prefix("error: ").unwrap_or(&text).to_owned())
    }
}

impl From<RuntimeError> for Refused {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Unknown(name) => Self::Unknown(name),
            RuntimeError::Over(why) => Self::Over(why),
            error => Self::Conflict(error.to_string()),
        }
    }
}

fn lock_change(changing: &Mutex<()>) -> MutexGuard<'_, ()> {
    changing.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock(known: &AllKnown) -> MutexGuard<'_, BTreeMap<String, Known>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A deployment has ended by itself: what it was to do is done, or all of it has failed.
fn note_end(known: &AllKnown, name: &str, end: &DeploymentEnd, stop: &Stop) {
    let mut known = lock(known);
    let Some(known) = known.get_mut(name).filter(|known| matches!(known.phase, Phase::Running)) else {
        return;
    };
    known.phase = match in_words(&end.failures) {
        // The host is ending: the next one goes on.
        None if stop.is_set() => Phase::Changing,
        None => {
            info!(deployment = name, "deployment '{name}' has read all its input");
            Phase::Finished
        }
        Some(why) => {
            error!(deployment = name, "error: deployment '{name}' has ended: {why}");
            Phase::Failed(why)
        }
    };
}

/// Who failed and why; none where nobody did.
fn in_words(failures: &[(String, String)]) -> Option<String> {
    let texts: Vec<String> = failures.iter().map(|(who, why)| format!("{who}: {why}")).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Whether a text can be the name of a deployment.
pub fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with(['-', '_'])
}
