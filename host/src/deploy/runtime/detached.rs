//! What the runtime's threads do: run a pipeline, or look after tasks that have left one.
//!
//! A task whose plugin failed goes back to its last checkpoint and reads again by a reader of its own, without the record
//! that the plugin failed for, if there is one; a task whose sink takes nothing more waits for it by itself; one whose rows
//! can go nowhere any more has failed. The others do not notice.

use std::slice;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use crossbeam_channel::Sender;
use streamgauge_common::wakeup::Stop;
use streamgauge_engine::FaultKind;
use tracing::{error, warn};

use super::{Tell, supervisor::Message};
use crate::{
    pipeline::{
        Drain, INPUT, Input, Pipeline, PipelineEvent, Source, bisect, park, reader::SourceReader, wakeup_of,
    },
    query::{QueryTask, TaskEnd, Wanted},
};

/// What every thread of a runtime has.
#[derive(Clone)]
pub(super) struct ThreadContext {
    /// To the supervisor, which is there as long as there are threads.
    pub(super) messages: Sender<Message>,
    pub(super) stop: Stop,
    pub(super) tell: Tell,
    /// Pipelines that run.
    pub(super) readers: Arc<AtomicUsize>,
}

impl ThreadContext {
    /// Runs a pipeline to its end; tasks that leave it are told.
    pub(super) fn run(&self, pipeline: Pipeline) {
        let source = pipeline.source.clone();
        self.readers.fetch_add(1, Relaxed);
        let ends = pipeline.run(&self.stop, &|event| self.hand_on(event, &source));
        self.readers.fetch_sub(1, Relaxed);
        drop(self.messages.send(Message::Ended(ends)));
    }

    fn hand_on(&self, event: PipelineEvent, source: &Arc<Source>) {
        let message = match event {
            PipelineEvent::Detached(task) => Message::Detached(task, source.clone()),
            PipelineEvent::Unwanted(tasks) => {
                return by_deployment(tasks)
                    .into_iter()
                    .for_each(|tasks| drop(self.messages.send(Message::Unwanted(tasks, source.clone()))));
            }
        };
        drop(self.messages.send(message));
    }

    /// Tasks of a deployment that is to be paused are parked; others end.
    pub(super) fn let_go(&self, mut tasks: Vec<QueryTask>, source: &Arc<Source>) {
        let is_paused = tasks.iter().all(|task| {
            let subscription = &task.context().subscription;
            subscription.control.wanted() == Wanted::Paused && !subscription.is_unread()
        });
        let message = if is_paused && !self.stop.is_set() {
            tasks.iter_mut().for_each(park);
            Message::Parked(tasks, source.clone())
        } else {
            let drain = Drain { timeout: source.drain_timeout, input: Input::Open };
            let tell = |event| self.hand_on(event, source);
            Message::Ended(drain.run(tasks, &self.stop, &tell))
        };
        drop(self.messages.send(message));
    }

    /// Tasks that were parked read on, those at one place by one reader.
    pub(super) fn read_again(&self, tasks: Vec<QueryTask>, source: &Arc<Source>) {
        let mut levels: Vec<Vec<QueryTask>> = Vec::new();
        for task in tasks {
            match levels.iter_mut().find(|level| level.first().is_some_and(|other| task.reads_as(other))) {
                Some(level) => level.push(task),
                None => levels.push(vec![task]),
            }
        }
        // The first levels have threads of their own; the last has this one.
        let last = levels.pop();
        for tasks in levels {
            drop(self.messages.send(Message::Level(tasks, source.clone())));
        }
        last.into_iter().for_each(|tasks| self.read_together(tasks, source));
    }

    /// Tasks at one place read on by one reader.
    pub(super) fn read_together(&self, tasks: Vec<QueryTask>, source: &Arc<Source>) {
        let opened = tasks.first().map(|first| (source.open)(&first.read_from(INPUT)));
        match opened {
            Some(Ok(reader)) => self.run(Pipeline { source: source.clone(), reader, tasks }),
            Some(Err(why)) => {
                let ends = tasks.into_iter().map(|task| self.fail(task, &why, source)).collect();
                drop(self.messages.send(Message::Ended(ends)));
            }
            None => {}
        }
    }

    /// Lets a task go on by itself, or ends it.
    pub(super) fn go_on_alone(&self, mut task: QueryTask, source: &Arc<Source>) {
        if !task.context().subscription.is_wanted() && !task.has_failed() {
            return self.let_go(vec![task], source);
        }
        match self.reader_for(&mut task, source) {
            Ok(reader) => self.run(Pipeline { source: source.clone(), reader, tasks: vec![task] }),
            Err(why) => {
                let end = self.fail(task, &why, source);
                drop(self.messages.send(Message::Ended(vec![end])));
            }
        }
    }

    /// A task has failed: what it has decided still leaves.
    fn fail(&self, mut task: QueryTask, why: &str, source: &Source) -> TaskEnd {
        task.flush();
        // Queries that read its rows and failed are told already.
        let mut failures = Vec::new();
        if task.query().failure().is_none() {
            let name = format!("query '{}'", task.name());
            let deployment = &task.context().subscription.deployment;
            error!(deployment, query = task.name(), "{name} failed: {why}");
            failures.push((name, why.to_owned()));
        }
        task.give_up();
        let wakeup = wakeup_of(slice::from_ref(&task), &self.stop);
        wakeup
            .wait_until(source.drain_timeout, || task.log().unacknowledged_rows() == 0 || self.stop.is_set());
        task.into_end(failures)
    }

    /// A reader for a task that has left the others, after it went back if it failed; an error is its end.
    fn reader_for(&self, task: &mut QueryTask, source: &Source) -> Result<SourceReader, String> {
        if let Some(why) = task.failure() {
            return Err(why);
        }
        if source.once {
            let blocked = || "its sink takes nothing more".to_owned();
            return Err(task.task_failure().map_or_else(blocked, |failure| failure.fault.to_string()));
        }
        if let Some(failure) = task.task_failure().cloned() {
            let fault = failure.fault.to_string();
            if !task.count_trap(failure.batch, source.faults.traps_max) || self.stop.is_set() {
                return Err(fault);
            }
            if failure.fault.kind == FaultKind::Transient {
                task.exhausted();
            }
            let suspect =
                failure.batch.filter(|_| failure.in_fold && failure.fault.kind == FaultKind::Deterministic);
            let name = task.name().to_owned();
            let deployment = task.context().subscription.deployment.clone();
            let back = match task.log().is_durable() {
                true => "its last checkpoint",
                false => "its beginning",
            };
            let hint = task.crash_hint(&failure.fault);
            warn!(deployment, query = name, "query '{name}': {fault}; it goes back to {back}{hint}");
            let poison = match suspect {
                Some(batch) => bisect::find(task, source, (batch, &failure.fault), &self.stop)?,
                None => {
                    bisect::record(task, source, &failure, &self.stop)?;
                    Vec::new()
                }
            };
            // Told when it is durable.
            task.log().backend().iter().for_each(|backend| backend.wait());
            if let Some((partition, ..)) = suspect {
                for (offset, why) in &poison {
                    warn!(
                        deployment,
                        query = name,
                        source = source.name,
                        partition = partition.number,
                        offset = offset.0,
                        "query '{name}': partition {partition} offset {offset} is a dead letter: {why}"
                    );
                }
            }
            if poison.len() >= source.faults.poison_records_max {
                return Err(format!("{fault}, for record after record (--limit max_poison_records)"));
            }
            if !poison.is_empty() {
                task.forget_traps();
            }
            let (checkpoint, parts) = task.last_checkpoint()?;
            task.go_back(&checkpoint.offsets)?;
            let put_back = task.put_back_or_keep(&checkpoint, &parts);
            task.tell_crashes();
            put_back.map_err(|error| error.to_string())?;
        }
        (source.open)(&task.read_from(INPUT))
    }
}

fn by_deployment(tasks: Vec<QueryTask>) -> Vec<Vec<QueryTask>> {
    let mut groups: Vec<Vec<QueryTask>> = Vec::new();
    for task in tasks {
        let name = &task.context().subscription.deployment;
        let same = |group: &&mut Vec<QueryTask>| {
            group.first().is_some_and(|first| first.context().subscription.deployment == *name)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(task),
            None => groups.push(vec![task]),
        }
    }
    groups
}
