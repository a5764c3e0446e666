//! The thread that knows all deployments. It never waits for anything but messages.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender};
use streamgauge_common::{
    crash,
    panics::caught,
    telling::as_here,
    wakeup::{Listener, Stop},
};
use streamgauge_state::backend::Ending;

use super::{
    DeploymentEnd, RuntimeError, RuntimeEvent, RuntimeStatus, Tell, Wired,
    deployed::{Deployed, Waiting},
    detached::ThreadContext,
    life::{Happening, Todo},
};
use crate::{
    deploy::Workers,
    pipeline::{Pipeline, Source},
    query::{QueryTask, TaskEnd},
};

/// How long a deployment that ends waits for the last writes of the state of all its tasks, so that it can be deployed again at once.
const STATE_ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What the supervisor is told.
pub(super) enum Message {
    Deploy {
        name: String,
        wired: Box<Wired>,
        answer: Sender<Result<(), RuntimeError>>,
    },
    Pause {
        name: String,
        answer: Sender<Result<(), RuntimeError>>,
    },
    Resume {
        name: String,
        answer: Sender<Result<(), RuntimeError>>,
    },
    Drop {
        name: String,
        answer: Sender<Result<DeploymentEnd, RuntimeError>>,
    },
    Status {
        answer: Sender<RuntimeStatus>,
    },
    ShutDown {
        answer: Sender<()>,
    },
    /// It is time to stop.
    Stopped,
    /// A task cannot go on with the others of its pipeline.
    Detached(Box<QueryTask>, Arc<Source>),
    /// Tasks that were parked at one place need a reader of their own.
    Level(Vec<QueryTask>, Arc<Source>),
    /// The deployment of these tasks, which is one, is to be paused or dropped.
    Unwanted(Vec<QueryTask>, Arc<Source>),
    /// Tasks of one deployment were parked.
    Parked(Vec<QueryTask>, Arc<Source>),
    /// Tasks have ended, perhaps of several deployments.
    Ended(Vec<TaskEnd>),
    /// A thread of the runtime is over; whom it worked for, and why it panicked, if it did.
    ThreadOver(String, Option<String>),
    /// What delivered a deployment's rows is over; who failed.
    Delivered {
        name: String,
        failure: Option<(String, String)>,
    },
}

pub(super) struct Supervisor {
    context: ThreadContext,
    deployments: BTreeMap<String, Deployed>,
    /// Threads of pipelines and of tasks that read alone.
    threads: usize,
    /// Who wait until all have ended.
    shutting_down: Vec<Sender<()>>,
    /// Whether a thread has panicked: its tasks are lost, and nothing goes on for long.
    broken: bool,
    /// A [`Stop`] forgets listeners that nobody holds.
    _stop_listener: Arc<StopListener>,
}

/// Tells the supervisor that it is time to stop.
struct StopListener(Sender<Message>);

impl Listener for StopListener {
    fn changed(&self) {
        // The supervisor may have ended.
        drop(self.0.send(Message::Stopped));
    }
}

impl Supervisor {
    pub(super) fn new(messages: Sender<Message>, stop: Stop, tell: Tell) -> Self {
        let stop_listener = Arc::new(StopListener(messages.clone()));
        // A stop that was set before needs no message: tasks are not parked then.
        stop.add_listener(&stop_listener);
        Self {
            context: ThreadContext { messages, stop, tell, readers: Arc::default() },
            deployments: BTreeMap::new(),
            threads: 0,
            shutting_down: Vec::new(),
            broken: false,
            _stop_listener: stop_listener,
        }
    }

    /// Runs until it was shut down, or its runtime is gone and nothing is left.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        crash::point("supervisor.watches");
        while let Ok(message) = messages.recv() {
            self.handle(message);
            self.end_what_is_lost();
            if !self.shutting_down.is_empty() && self.deployments.is_empty() {
                // Who asked may be gone.
                self.shutting_down.drain(..).for_each(|answer| _ = answer.send(()));
                return;
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Deploy { name, wired, answer } => drop(answer.send(self.deploy(&name, *wired))),
            Message::Pause { name, answer } => self.pause(&name, answer),
            Message::Resume { name, answer } => drop(answer.send(self.resume(&name))),
            Message::Drop { name, answer } => self.drop_deployment(&name, answer),
            Message::Status { answer } => {
                let deployments = self.deployments.values().map(Deployed::status).collect();
                let readers = self.context.readers.load(Relaxed);
                drop(answer.send(RuntimeStatus { deployments, readers }));
            }
            Message::ShutDown { answer } => {
                self.shutting_down.push(answer);
                self.happen_to_all(Happening::Drop);
            }
            Message::Stopped => self.happen_to_all(Happening::Stop),
            Message::Detached(task, source) => {
                let who = format!("query '{}'", task.name());
                self.start(who, move |context| context.go_on_alone(*task, &source));
            }
            Message::Level(tasks, source) => {
                let who = format!("source '{}'", source.name);
                self.start(who, move |context| context.read_together(tasks, &source));
            }
            Message::Unwanted(tasks, source) => {
                let who = format!("source '{}'", source.name);
                self.start(who, move |context| context.let_go(tasks, &source));
            }
            Message::Parked(tasks, source) => self.park(tasks, &source),
            Message::Ended(ends) => self.ended(ends),
            Message::ThreadOver(who, panicked) => {
                self.threads -= 1;
                if let Some(why) = panicked {
                    self.context.stop.set();
                    self.broken = true;
                    self.deployments.values_mut().for_each(|one| one.fail(who.clone(), why.clone()));
                }
            }
            Message::Delivered { name, failure } => self.delivered(&name, failure),
        }
    }

    fn deploy(&mut self, name: &str, wired: Wired) -> Result<(), RuntimeError> {
        if self.deployments.contains_key(name) {
            return Err(RuntimeError::Exists(name.to_owned()));
        }
        let mut wired = wired;
        let workers = wired.workers.take();
        self.deployments.insert(name.to_owned(), Deployed::new(name.to_owned(), &wired, workers));
        wired.pipelines.into_iter().for_each(|pipeline| self.start_pipeline(pipeline));
        // All its queries may have finished in an earlier run.
        self.happen(name, Happening::Ended(0));
        Ok(())
    }

    fn pause(&mut self, name: &str, answer: Sender<Result<(), RuntimeError>>) {
        let paused = self.find(name).and_then(|deployed| deployed.pause());
        match paused {
            Ok(todo) => {
                if let Some(deployed) = self.deployments.get_mut(name) {
                    deployed.waiting.push(Waiting::Paused(answer));
                }
                self.act(name, todo);
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn resume(&mut self, name: &str) -> Result<(), RuntimeError> {
        let todo = self.find(name)?.on(Happening::Resume, "resumed")?;
        self.act(name, todo);
        Ok(())
    }

    fn drop_deployment(&mut self, name: &str, answer: Sender<Result<DeploymentEnd, RuntimeError>>) {
        let dropped = self.find(name).and_then(|deployed| deployed.on(Happening::Drop, "dropped"));
        match dropped {
            Ok(todo) => {
                if let Some(deployed) = self.deployments.get_mut(name) {
                    deployed.waiting.push(Waiting::Ended(answer));
                }
                self.act(name, todo);
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn find(&mut self, name: &str) -> Result<&mut Deployed, RuntimeError> {
        self.deployments.get_mut(name).ok_or_else(|| RuntimeError::Unknown(name.to_owned()))
    }

    /// Something happens to a deployment, if it can now.
    fn happen(&mut self, name: &str, happening: Happening) {
        let todo = self.deployments.get_mut(name).and_then(|deployed| deployed.happen(happening));
        self.act(name, todo.unwrap_or(Todo::Nothing));
    }

    fn happen_to_all(&mut self, happening: Happening) {
        let names: Vec<String> = self.deployments.keys().cloned().collect();
        names.iter().for_each(|name| self.happen(name, happening));
    }

    fn act(&mut self, name: &str, todo: Todo) {
        let Some(deployed) = self.deployments.get_mut(name) else { return };
        match todo {
            Todo::Nothing => {}
            Todo::AskToPark => deployed.ask_to_park(),
            Todo::TellPaused => deployed.tell_paused(),
            Todo::Unpark => {
                for (tasks, source) in deployed.unpark() {
                    self.read_again(tasks, source);
                }
            }
            Todo::AskToEnd => {
                for (tasks, source) in deployed.ask_to_end() {
                    let who = format!("source '{}'", source.name);
                    self.start(who, move |context| context.let_go(tasks, &source));
                }
            }
            Todo::StopDelivering => self.stop_delivering(name),
        }
    }

    fn park(&mut self, tasks: Vec<QueryTask>, source: &Arc<Source>) {
        let Some(name) = tasks.first().map(|task| task.context().subscription.deployment.clone()) else {
            return;
        };
        let count = tasks.len();
        if let Some(deployed) = self.deployments.get_mut(&name) {
            deployed.park(tasks, source.clone());
        }
        self.happen(&name, Happening::Parked(count));
    }

    fn ended(&mut self, ends: Vec<TaskEnd>) {
        for end in ends {
            let name = end.subscription.deployment.clone();
            if let Some(deployed) = self.deployments.get_mut(&name) {
                deployed.add(end);
            }
            self.happen(&name, Happening::Ended(1));
        }
    }

    /// Parked tasks read again, those at one place by one reader.
    fn read_again(&mut self, tasks: Vec<QueryTask>, source: Arc<Source>) {
        let who = format!("source '{}'", source.name);
        self.start(who, move |context| context.read_again(tasks, &source));
    }

    fn start_pipeline(&mut self, pipeline: Pipeline) {
        let who = format!("source '{}'", pipeline.source.name);
        self.start(who, move |context| context.run(pipeline));
    }

    /// A thread whose end is told, also where it panics.
    fn start(&mut self, who: String, work: impl FnOnce(&ThreadContext) + Send + 'static) {
        self.threads += 1;
        let context = self.context.clone();
        let name = who.clone();
        let run = move || {
            let panicked = caught(|| work(&context)).err();
            // The supervisor is there as long as there are threads.
            drop(context.messages.send(Message::ThreadOver(who, panicked)));
        };
        if let Err(error) = thread::Builder::new().name("pipeline".to_owned()).spawn(as_here(run)) {
            let why = format!("cannot start a thread: {error}");
            drop(self.context.messages.send(Message::ThreadOver(name, Some(why))));
        }
    }

    /// Tasks of a thread that panicked never end: their deployments do when no thread is left.
    fn end_what_is_lost(&mut self) {
        if !self.broken || self.threads > 0 {
            return;
        }
        let names: Vec<String> = self.deployments.keys().cloned().collect();
        for name in names {
            let lost = self.deployments.get(&name).map_or(0, Deployed::lost);
            self.happen(&name, Happening::Drop);
            self.happen(&name, Happening::Ended(lost));
        }
    }

    fn stop_delivering(&mut self, name: &str) {
        let Some(deployed) = self.deployments.get_mut(name) else { return };
        let (workers, endings) = deployed.let_go();
        let (messages, owner) = (self.context.messages.clone(), name.to_owned());
        // Joining what delivers may take a while, and so may the last writes of the state.
        let work = move || {
            let failure = workers.and_then(Workers::end);
            // A disk that is stuck is not waited for longer.
            Ending::wait_for_all(&endings, STATE_ENDS_WITHIN);
            drop(messages.send(Message::Delivered { name: owner, failure }));
        };
        if thread::Builder::new().name("workers".to_owned()).spawn(as_here(work)).is_err() {
            self.delivered(name, None);
        }
    }

    fn delivered(&mut self, name: &str, failure: Option<(String, String)>) {
        let Some(deployed) = self.deployments.remove(name) else { return };
        let (end, waiting) = deployed.into_end(failure);
        for waiting in waiting {
            match waiting {
                Waiting::Ended(answer) => drop(answer.send(Ok(end.clone()))),
                Waiting::Paused(answer) => {
                    drop(answer.send(Err(RuntimeError::Unknown(name.to_owned()))));
                }
            }
        }
        (self.context.tell)(RuntimeEvent::Ended(name.to_owned(), end));
    }
}
