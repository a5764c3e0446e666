//! What the supervisor knows of one deployment.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crossbeam_channel::Sender;
use streamgauge_state::backend::Ending;

use super::{
    DeploymentEnd, RuntimeError, Status,
    life::{Happening, Life, State, Todo},
};
use crate::{
    deploy::{Wired, Workers},
    pipeline::Source,
    query::{Control, QueryTask, Subscription, TaskEnd, Wanted},
};

/// Who waits for what.
pub(super) enum Waiting {
    Paused(Sender<Result<(), RuntimeError>>),
    Ended(Sender<Result<DeploymentEnd, RuntimeError>>),
}

pub(super) struct Deployed {
    name: String,
    life: Life,
    control: Arc<Control>,
    /// What delivers its rows; none once that is stopped.
    workers: Option<Workers>,
    /// Rows that receivers reject: counted until what delivers has ended.
    rejected: Arc<AtomicU64>,
    /// Tasks that are paused, with what they read.
    parked: Vec<(Vec<QueryTask>, Arc<Source>)>,
    subscriptions: Vec<Arc<Subscription>>,
    reads_once: bool,
    end: DeploymentEnd,
    /// When the state of each of its tasks is written no more.
    endings: Vec<Ending>,
    pub(super) waiting: Vec<Waiting>,
}

impl Deployed {
    pub(super) fn new(name: String, wired: &Wired, workers: Option<Workers>) -> Self {
        let Wired { pipelines, control, .. } = wired;
        let tasks = || pipelines.iter().flat_map(|pipeline| &pipeline.tasks);
        Self {
            name,
            life: Life::begin(tasks().count()),
            control: control.clone(),
            rejected: workers.as_ref().map(Workers::rejected).unwrap_or_default(),
            workers,
            parked: Vec::new(),
            subscriptions: wired.subscriptions(),
            reads_once: pipelines.iter().any(|pipeline| pipeline.source.once),
            end: DeploymentEnd::default(),
            endings: tasks().filter_map(|task| Some(task.log().backend()?.ending())).collect(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn pause(&mut self) -> Result<Todo, RuntimeError> {
        match self.reads_once {
            true => Err(RuntimeError::ReadOnce(self.name.clone())),
            false => self.on(Happening::Pause, "paused"),
        }
    }

    /// Somebody wants something of it.
    pub(super) fn on(&mut self, happening: Happening, wanted: &'static str) -> Result<Todo, RuntimeError> {
        let state = self.life.state;
        self.life.on(happening).map_err(|_| RuntimeError::Wrong { name: self.name.clone(), state, wanted })
    }

    /// Something happens to it, if it can now.
    pub(super) fn happen(&mut self, happening: Happening) -> Option<Todo> {
        self.life.on(happening).ok()
    }

    pub(super) fn ask_to_park(&self) {
        self.control.want(Wanted::Paused);
    }

    pub(super) fn park(&mut self, tasks: Vec<QueryTask>, source: Arc<Source>) {
        self.parked.push((tasks, source));
    }

    pub(super) fn tell_paused(&mut self) {
        let (paused, others) =
            self.waiting.drain(..).partition::<Vec<_>, _>(|waiting| matches!(waiting, Waiting::Paused(_)));
        self.waiting = others;
        for waiting in paused {
            if let Waiting::Paused(answer) = waiting {
                // Who asked may be gone.
                drop(answer.send(Ok(())));
            }
        }
    }

    /// The parked tasks, which are to read again.
    pub(super) fn unpark(&mut self) -> Vec<(Vec<QueryTask>, Arc<Source>)> {
        self.control.want(Wanted::Running);
        std::mem::take(&mut self.parked)
    }

    /// The parked tasks, which are to end as those do that still read.
    pub(super) fn ask_to_end(&mut self) -> Vec<(Vec<QueryTask>, Arc<Source>)> {
        self.control.want(Wanted::Dropped);
        std::mem::take(&mut self.parked)
    }

    /// A task has ended.
    pub(super) fn add(&mut self, end: TaskEnd) {
        self.end.counts.add(&end.counts);
        for failure in end.failures {
            if !self.end.failures.contains(&failure) {
                self.end.failures.push(failure);
            }
        }
    }

    pub(super) fn fail(&mut self, who: String, why: String) {
        self.end.failures.push((who, why));
    }

    /// Tasks of which nothing is heard any more.
    pub(super) fn lost(&self) -> usize {
        self.life.working
    }

    pub(super) fn status(&self) -> Status {
        let progress = |of: fn(&Subscription) -> u64| self.subscriptions.iter().map(|one| of(one)).sum();
        Status {
            name: self.name.clone(),
            state: self.life.state,
            working: self.life.working,
            events: progress(|subscription| subscription.progress.events()),
            rows: progress(|subscription| subscription.progress.rows()),
            dead_letters: progress(|subscription| subscription.progress.dead_letters())
                + self.rejected.load(Relaxed),
            failures: self.end.failures.clone(),
        }
    }

    /// What delivers its rows, and when its state is written no more.
    pub(super) fn let_go(&mut self) -> (Option<Workers>, Vec<Ending>) {
        (self.workers.take(), std::mem::take(&mut self.endings))
    }

    /// How it ended, and who waited for it. What delivered its rows has ended before.
    pub(super) fn into_end(self, failure: Option<(String, String)>) -> (DeploymentEnd, Vec<Waiting>) {
        debug_assert_eq!(self.life.state, State::Delivering);
        let mut end = self.end;
        end.counts.events =
            self.subscriptions.iter().map(|subscription| subscription.progress.events()).sum();
        end.counts.dead_letters += self.rejected.load(Relaxed);
        end.failures.extend(failure);
        (end, self.waiting)
    }
}
