//! How query tasks end: what is decided is delivered, what that leaves is kept and told.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_functions::format_timestamp;
use tracing::info;

use super::{LOOK, PipelineEvent, letters};
use crate::query::{CutOff, QueryTask, TaskEnd};

/// How a pipeline's tasks end.
pub struct Drain {
    /// How long deliveries may take.
    pub timeout: Duration,
    /// Whether the input has ended: then all windows are closed.
    pub ended: bool,
    /// Why the source failed, if it did.
    pub failure: Option<String>,
}

impl Drain {
    /// What is decided is delivered, as far as it can be in time; where everything is, that is kept. Tasks that fail meanwhile
    /// are detached.
    pub fn run(
        self,
        mut tasks: Vec<QueryTask>,
        stop: &AtomicBool,
        tell: &dyn Fn(PipelineEvent),
    ) -> Vec<TaskEnd> {
        let since = Stopwatch::start();
        while self.ended && since.elapsed() < self.timeout && !tasks.iter().all(QueryTask::is_level) {
            tasks.iter_mut().for_each(QueryTask::close);
            clock::pause(LOOK);
            if stop.load(Relaxed) {
                break;
            }
        }
        tasks.iter_mut().for_each(QueryTask::flush);
        for (task, text) in tasks.iter().filter_map(|task| Some((task, cut_off(task)?))) {
            let deployment = &task.context().subscription.deployment;
            info!(deployment, query = task.name(), "{text}");
        }
        detach_failed(&mut tasks, tell);
        tasks.iter().for_each(wait_for_state);
        while since.elapsed() < self.timeout
            && tasks.iter().any(|task| task.log().in_flight() > 0 || task.context().letters_wait().is_some())
        {
            clock::pause(LOOK);
            tasks.iter_mut().for_each(|task| task.context_mut().flush_letters());
            detach_failed(&mut tasks, tell);
        }
        let undelivered: Vec<Vec<(String, String)>> =
            tasks.iter().map(|task| undelivered(task, self.timeout).collect()).collect();
        let finished = self.ended && tasks.iter().all(|task| task.log().in_flight() == 0);
        let mut unwritten = Vec::new();
        for task in &mut tasks {
            // No checkpoint says that records are done whose dead letters are not there.
            let is_written = task.sync_letters() && task.context().letters_wait().is_none();
            unwritten.push(task.context().letters_wait());
            if is_written {
                if finished {
                    task.finish();
                }
                checkpoint(task, finished);
            }
        }
        self.ends(tasks, undelivered, unwritten, tell)
    }

    fn ends(
        self,
        tasks: Vec<QueryTask>,
        undelivered: Vec<Vec<(String, String)>>,
        unwritten: Vec<Option<String>>,
        tell: &dyn Fn(PipelineEvent),
    ) -> Vec<TaskEnd> {
        let mut ends: Vec<TaskEnd> = Vec::new();
        for ((task, mut failures), unwritten) in tasks.into_iter().zip(undelivered).zip(unwritten) {
            // A checkpoint that could not be written fails its query.
            if task.task_failure().is_some() || task.failure().is_some() {
                tell(PipelineEvent::Detached(Box::new(task)));
                continue;
            }
            let source = || format!("source '{}'", task.context().subscription.source);
            let unwritten = unwritten.map(|why| letters::unwritten(&why, task.log().is_durable()));
            for why in self.failure.iter().cloned().chain(unwritten) {
                let is_told = ends.iter().any(|end| {
                    end.subscription.deployment == task.context().subscription.deployment
                        && end.failures.contains(&(source(), why.clone()))
                });
                if !is_told {
                    failures.push((source(), why));
                }
            }
            ends.push(task.into_end(failures));
        }
        ends
    }
}

/// Makes a last checkpoint of a task that is to be paused.
pub fn park(task: &mut QueryTask) {
    task.flush();
    if task.sync_letters() && task.context().letters_wait().is_none() {
        checkpoint(task, false);
    }
}

fn checkpoint(task: &mut QueryTask, finished: bool) {
    if task.has_begun() {
        wait_for_state(task);
        task.checkpoint(finished);
        wait_for_state(task);
    }
}

fn wait_for_state(task: &QueryTask) {
    task.log().backend().iter().for_each(|backend| backend.wait());
}

/// Detaches tasks that cannot go on.
pub(super) fn detach_failed(tasks: &mut Vec<QueryTask>, tell: &dyn Fn(PipelineEvent)) {
    tasks.iter().for_each(QueryTask::note_unread);
    let cannot_go_on = |task: &mut QueryTask| task.task_failure().is_some() || task.failure().is_some();
    for task in tasks.extract_if(.., cannot_go_on) {
        tell(PipelineEvent::Detached(Box::new(task)));
    }
}

/// What people are told of windows that ended after the input did.
fn cut_off(task: &QueryTask) -> Option<String> {
    let CutOff { last_event, windows, first_end } = task.query().cut_off()?;
    let time = |micros| {
        let mut text = Vec::new();
        format_timestamp(micros, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    let (noun, whose) =
        if windows == 1 { ("window", "its rows have") } else { ("windows", "their rows have") };
    Some(format!(
        "query '{}': the input ends at {}, before {windows} {noun} did: {whose} only what came until then (window_end {} and later)",
        task.name(),
        time(last_event),
        time(first_end)
    ))
}

/// What people are told of rows that wait on at the end, by query.
fn undelivered(task: &QueryTask, within: Duration) -> impl Iterator<Item = (String, String)> {
    let fate = match task.log().is_durable() {
        true => "the next run with this state delivers them",
        false => "they are lost, as without --state nothing is kept",
    };
    task.undelivered().map(move |(query, rows, trouble)| {
        let why = trouble.map_or_else(String::new, |why| format!(" ({why})"));
        (format!("query '{query}'"), format!("rows not delivered within {within:?}: {rows}{why}; {fate}"))
    })
}
