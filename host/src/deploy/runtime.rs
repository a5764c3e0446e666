//! Runs deployments: each is deployed, paused, resumed and dropped while the others run.
//!
//! One thread, the *supervisor*, knows all deployments and is told what happens; pipelines and tasks that read alone run on threads of
//! their own. A deployment's life:
//!
//! ```text
//!             deploy            pause               its tasks are parked
//!   (none) ──────────> Running ───────> Pausing ──────────────────────────> Paused
//!                        │  ^              │                                  │ │
//!                        │  └──────────────┼───────────── resume ─────────────┘ │
//!                        │ drop            │ drop, stop                         │ drop, stop
//!                        v                 v                                    v
//!                      Leaving <───────────┴────────────────────────────────────┘
//!                        │ its last task has ended (also without `drop`: its input ended, all failed, or `Stop` is set)
//!                        v
//!                      Delivering ── its workers have ended ──> (none), told as `Ended`
//! ```
//!
//! Pausing and dropping go through [`Control`](crate::query::Control): a pipeline sees it between two batches and lets go of the tasks
//! concerned ([`PipelineEvent::Unwanted`](crate::pipeline::PipelineEvent::Unwanted)); those that stay do not notice.

mod deployed;
mod detached;
mod life;
mod supervisor;

use std::{fmt, io, sync::Arc};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use streamgauge_common::{panics::Attended, wakeup::Stop};
use tracing::{
    Dispatch,
    dispatcher::{get_default, with_default},
};

use self::supervisor::{Message, Supervisor};
use super::{DeployError, Deployment, HostResources, Wired, wire};
use crate::{metrics, query::Counts};

pub use life::State;

/// What a runtime tells whoever acts on it, from any thread. What is for people it tells by `tracing`.
pub type Tell = Arc<dyn Fn(RuntimeEvent) + Send + Sync>;

/// What happens in a runtime.
#[derive(Debug)]
pub enum RuntimeEvent {
    /// A deployment has ended: its name, and how.
    Ended(String, DeploymentEnd),
}

/// How a deployment ended.
#[derive(Clone, Debug, Default)]
pub struct DeploymentEnd {
    /// What was counted.
    pub counts: Counts,
    /// Who failed, with why.
    pub failures: Vec<(String, String)>,
}

/// How a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Where in its life it is.
    pub state: State,
    /// Its query tasks that read, or are about to end.
    pub working: usize,
    /// Events read so far; a record can hold several.
    pub events: u64,
    /// Rows that went to sinks so far.
    pub rows: u64,
    /// What could not be used so far, and rows that receivers rejected.
    pub dead_letters: u64,
    /// Queries and sources of it that have failed, with why.
    pub failures: Vec<(String, String)>,
}

/// How a runtime is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeStatus {
    /// Its deployments, by name.
    pub deployments: Vec<Status>,
    /// Readers at work: tasks that are level share one.
    pub readers: usize,
}

/// What a runtime does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// There is no deployment of that name.
    #[error("there is no deployment '{0}'")]
    Unknown(String),
    /// A deployment of that name is there.
    #[error("deployment '{0}' is there already: drop it first")]
    Exists(String),
    /// It cannot be done to a deployment that is so.
    #[error("deployment '{name}' is {state}, it cannot be {wanted}")]
    Wrong {
        /// The deployment.
        name: String,
        /// What it is.
        state: State,
        /// What it was to be.
        wanted: &'static str,
    },
    /// Its input is gone once it was read.
    #[error("deployment '{0}' cannot be paused: its input can be read only once")]
    ReadOnce(String),
    /// The supervisor has ended.
    #[error("the runtime has ended: {0}")]
    Over(String),
}

/// Runs deployments. When it is dropped they are told to stop, and nobody waits for them; [`Runtime::shut_down`] does.
pub struct Runtime {
    messages: Sender<Message>,
    stop: Stop,
    resources: HostResources,
    supervisor: Attended,
    /// Where its threads tell people of what happens: where the thread told that started it.
    dispatch: Dispatch,
}

impl Runtime {
    /// Starts the supervisor. Where `stop` is set, all deployments drain and end, also those that are paused. The deployments share
    /// `resources`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(tell: Tell, stop: Stop, resources: HostResources) -> io::Result<Self> {
        metrics::describe();
        let (messages, received) = unbounded();
        let supervisor = Supervisor::new(messages.clone(), stop.clone(), tell);
        let supervisor = Attended::start("supervisor", move || supervisor.run(&received))?;
        let dispatch = get_default(Clone::clone);
        Ok(Self { messages, stop, resources, supervisor, dispatch })
    }

    /// Puts a program together and runs it beside the others.
    ///
    /// # Errors
    /// A program that cannot be put together; a name that is taken; with state, other numbers of threads for it than the
    /// runtime's.
    pub fn deploy(&self, deployment: &Deployment<'_>) -> Result<(), DeployError> {
        self.check_free(deployment.name).map_err(|error| DeployError::Usage(format!("error: {error}")))?;
        let wired = self.wire(deployment)?;
        self.run(deployment.name, wired).map_err(|error| DeployError::Runtime(format!("error: {error}")))
    }

    /// Puts a program together; [`run`](Self::run) runs it.
    ///
    /// # Errors
    /// A program that cannot be put together.
    pub fn wire(&self, deployment: &Deployment<'_>) -> Result<Wired, DeployError> {
        with_default(&self.dispatch, || wire(deployment, &self.resources))
    }

    /// Runs what was put together.
    ///
    /// # Errors
    /// The name is taken.
    pub fn run(&self, name: &str, wired: Wired) -> Result<(), RuntimeError> {
        self.ask(|answer| Message::Deploy { name: name.to_owned(), wired: Box::new(wired), answer })?
    }

    /// What its deployments share.
    pub fn resources(&self) -> &HostResources {
        &self.resources
    }

    /// Parks a deployment's tasks: what they have decided still leaves, nothing more is read. Waits until they are parked.
    ///
    /// # Errors
    /// It is not running, or its input can be read only once.
    pub fn pause(&self, name: &str) -> Result<(), RuntimeError> {
        self.ask(|answer| Message::Pause { name: name.to_owned(), answer })?
    }

    /// Lets a paused deployment read on from where it stopped.
    ///
    /// # Errors
    /// It is not paused.
    pub fn resume(&self, name: &str) -> Result<(), RuntimeError> {
        self.ask(|answer| Message::Resume { name: name.to_owned(), answer })?
    }

    /// Ends a deployment: what it has decided is delivered within the drain time-out, its state stays. Waits until it has ended.
    ///
    /// # Errors
    /// There is none of that name, or it is about to end.
    pub fn drop_deployment(&self, name: &str) -> Result<DeploymentEnd, RuntimeError> {
        self.ask(|answer| Message::Drop { name: name.to_owned(), answer })?
    }

    /// How all deployments are.
    ///
    /// # Errors
    /// The supervisor has ended.
    pub fn status(&self) -> Result<RuntimeStatus, RuntimeError> {
        self.ask(|answer| Message::Status { answer })
    }

    /// Why the supervisor has ended, if a bug ended it.
    pub fn panicked(&self) -> Option<String> {
        self.supervisor.panicked()
    }

    /// All deployments drain and end. Waits for them.
    ///
    /// # Errors
    /// The supervisor has ended before.
    pub fn shut_down(&self) -> Result<(), RuntimeError> {
        self.stop.set();
        self.ask(|answer| Message::ShutDown { answer })
    }

    fn check_free(&self, name: &str) -> Result<(), RuntimeError> {
        match self.status()?.deployments.iter().any(|status| status.name == name) {
            true => Err(RuntimeError::Exists(name.to_owned())),
            false => Ok(()),
        }
    }

    fn ask<T>(&self, message: impl FnOnce(Sender<T>) -> Message) -> Result<T, RuntimeError> {
        let (answer, answered): (Sender<T>, Receiver<T>) = bounded(1);
        let over = || {
            let why = self.supervisor.panicked();
            RuntimeError::Over(why.unwrap_or_else(|| "it was shut down".to_owned()))
        };
        self.messages.send(message(answer)).map_err(|_| over())?;
        answered.recv().map_err(|_| over())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop.set();
        // The supervisor ends with the last deployment; nobody waits for it here, and it may have ended before.
        let (answer, _) = bounded(1);
        let _ = self.messages.send(Message::ShutDown { answer });
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Pausing => "being paused",
            Self::Paused => "paused",
            Self::Leaving => "about to end",
            Self::Delivering => "ending",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streamgauge_common::{
        clock::Stopwatch,
        message::{self, Payload},
    };
    use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};

    use super::*;
    use crate::deliver::workers::{DeliveryLimits, Workers};

    #[test]
    fn the_supervisor_of_a_runtime_that_is_dropped_ends() {
        let runtime = Runtime::start(Arc::new(|_| {}), Stop::default(), HostResources::default()).unwrap();
        assert!(runtime.status().unwrap().deployments.is_empty());
        let (messages, stop) = (runtime.messages.clone(), runtime.stop.clone());
        drop(runtime);
        assert!(stop.is_set());
        let since = Stopwatch::start();
        while messages.send(Message::Status { answer: bounded(1).0 }).is_ok() {
            assert!(since.elapsed() < Duration::from_secs(10), "it still takes messages");
            std::thread::yield_now();
        }
    }

    #[test]
    fn rows_that_are_rejected_while_delivery_ends_are_counted() {
        let (tell, ended) = bounded(1);
        let tell = move |RuntimeEvent::Ended(_, end)| tell.send(end).unwrap();
        let runtime = Runtime::start(Arc::new(tell), Stop::default(), HostResources::default()).unwrap();
        let mut workers = Workers::new(DeliveryLimits::default());
        let rows = workers.rejections(["d", "source", "query", "sink"], None);
        let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
        let ((rejected, look), (go_on, looked)) = (bounded(0), bounded(0));
        let reject = move |stop: &Stop| {
            let (payload, key) = (Payload::Rows(Vec::new()), String::new());
            let message = message::Message { sequence: 1, key, lane: 0, rows: 3, payload };
            while !stop.is_set() {
                std::thread::yield_now();
            }
            rows.tell(&message, "too late");
            rejected.send(()).unwrap();
            looked.recv().unwrap();
            rows.tell(&message, "too late");
        };
        workers.thread("rejects", &outbox, reject).unwrap();
        let wired = Wired { pipelines: Vec::new(), workers: Some(workers), control: Arc::default() };
        runtime.run("d", wired).unwrap();
        look.recv().unwrap();
        let status = runtime.status().unwrap().deployments.pop().unwrap();
        assert_eq!((status.state, status.dead_letters), (State::Delivering, 3));
        go_on.send(()).unwrap();
        assert_eq!(ended.recv().unwrap().counts.dead_letters, 6);
        runtime.shut_down().unwrap();
    }
}
