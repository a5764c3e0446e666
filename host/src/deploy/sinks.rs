//! The sinks of a program: their connectors open them, and their workers start when all of the deployment is checked.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use streamgauge_component::{plugins::Plugins, sink::SinkInstance};
use streamgauge_sql::manifest::Sink;
use streamgauge_state::outbox::Outbox;

use super::{Connectors, DeployError, Deployment, output_files::OutputFiles};
use crate::deliver::permissions::Permissions;
use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkContext, SinkError, SinkWorker},
    connectors::file::{FileTarget, LineWorker},
    http::secrets::Lookup,
    letters::DeadLetterQueue,
    output::Output,
    rejected::RejectedRows,
    workers::Workers,
};

/// What the console is called.
pub(super) const CONSOLE: &str = "the console";

/// The sinks of a program while it is put together.
pub(super) struct Sinks<'a> {
    deployment: &'a str,
    connectors: &'a Connectors,
    plugins: &'a Plugins,
    secrets: Arc<Lookup>,
    permissions: Option<&'a Permissions>,
    workers: Workers,
    input_ends: bool,
    instances: BTreeMap<String, Arc<SinkInstance>>,
    /// Outboxes whose workers have not started: nothing is sent before the whole deployment is checked.
    waiting: Vec<Waiting>,
}

/// An outbox and the worker that is started on it.
struct Waiting {
    sink: String,
    worker: Box<dyn SinkWorker>,
    outbox: Outbox,
    rejected: RejectedRows,
}

/// How the rows of a query leave.
pub(super) enum SinkBinding {
    /// Written at once.
    Direct(Arc<Output>),
    /// Through an outbox.
    Outbox(Box<OutboxBinding>),
}

impl<'a> Sinks<'a> {
    /// No sink is open yet.
    pub(super) fn new(deployment: &Deployment<'a>) -> Self {
        Self {
            deployment: deployment.name,
            connectors: deployment.connectors,
            plugins: deployment.plugins,
            secrets: deployment.secrets.clone(),
            permissions: deployment.permissions,
            workers: Workers::new(deployment.limits.delivery()).traced(deployment.timings.traces()),
            input_ends: deployment.input_ends(),
            instances: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Where the rows of a query go, as the sink says.
    pub(super) fn open(&mut self, sink: &Sink, route: &Route<'_>) -> Result<Destination, DeployError> {
        let unusable = |error| unusable(&sink.name, &error);
        check_secrets(sink, &*self.secrets).map_err(unusable)?;
        let connector = self.connectors.of(sink);
        let connector = connector.ok_or_else(|| unusable(SinkError::Unknown(sink.connector.clone())))?;
        let mut context = SinkContext {
            plugins: self.plugins,
            secrets: &self.secrets,
            permissions: self.permissions,
            workers: &mut self.workers,
            input_ends: self.input_ends,
            instances: &mut self.instances,
        };
        connector.open(sink, route, &mut context).map_err(unusable)
    }

    /// Keeps the worker of an outbox until [`start`](Self::start). Rejected messages of the query, from the source to the sink, go
    /// to `letters` and are counted beside it.
    pub(super) fn add(
        &mut self,
        worker: Box<dyn SinkWorker>,
        outbox: Outbox,
        [source, query, sink]: [&str; 3],
        (letters, count): (Option<Arc<DeadLetterQueue>>, Arc<AtomicU64>),
    ) {
        let rejected = self.workers.rejections([self.deployment, source, query, sink], letters);
        let rejected = rejected.counting_for_query(count);
        self.waiting.push(Waiting { sink: sink.to_owned(), worker, outbox, rejected });
    }

    /// Starts all workers.
    pub(super) fn start(mut self) -> Result<Workers, DeployError> {
        for Waiting { sink, worker, outbox, rejected } in self.waiting {
            let started = worker.start(outbox, rejected, &mut self.workers);
            started.map_err(|error| unusable(&sink, &error))?;
        }
        Ok(self.workers)
    }
}

/// How rows go to an output: at once, or where they are decided first, through an outbox.
pub(super) fn open_output(
    output: Arc<Output>,
    target: Option<&FileTarget>,
    route: &Route<'_>,
    files: &mut OutputFiles,
) -> Result<SinkBinding, DeployError> {
    let Some(name) = route.name() else { return Ok(SinkBinding::Direct(output)) };
    let lines = files.lines(output, target.map(|target| target.path.as_path()), &name)?;
    let rotation = target.and_then(|target| target.rotation);
    Ok(SinkBinding::Outbox(Box::new(LineWorker::binding(lines, name, rotation))))
}

impl Deployment<'_> {
    /// The declaration of a sink.
    pub(super) fn declared(&self, name: &str) -> Result<&Sink, DeployError> {
        let sink = self.program.sinks.iter().find(|sink| sink.name == name);
        sink.ok_or_else(|| DeployError::Input(format!("error: there is no sink '{name}'")))
    }

    /// The file that a sink names, where it is one of files.
    pub(super) fn file_of(&self, sink: &Sink) -> Option<FileTarget> {
        self.connectors.of(sink)?.file(sink)
    }
}

/// Whether all secrets that a sink names are there.
fn check_secrets(sink: &Sink, secrets: &Lookup) -> Result<(), SinkError> {
    for name in sink.options.values().flat_map(|value| value.secrets()) {
        secrets(name).map_err(|why| SinkError::Secret { name: name.to_owned(), why })?;
    }
    Ok(())
}

fn unusable(sink: &str, error: &SinkError) -> DeployError {
    let text = format!("error: sink '{sink}': {error}");
    if error.is_input() { DeployError::Input(text) } else { DeployError::Runtime(text) }
}
