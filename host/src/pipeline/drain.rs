//! How query tasks end: what is decided is delivered, what that leaves is kept and told.

use std::time::Duration;

use streamgauge_common::{clock::Stopwatch, wakeup::Stop};
use streamgauge_functions::format_timestamp;
use tracing::info;

use super::{PipelineEvent, TICK, letters, wakeup_of};
use crate::query::{CutOff, QueryTask, TaskEnd};

/// How long deliveries at the end may take before people are told of them.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// How a pipeline's tasks end.
pub struct Drain {
    /// How long deliveries may take.
    pub timeout: Duration,
    /// How far their input was read.
    pub input: Input,
}

/// How far an input was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// More may come.
    Open,
    /// To its end: all windows are closed.
    Ended,
    /// Nothing more can be read, or nothing that is read may be decided; why.
    Failed(String),
}

impl Input {
    fn failure(&self) -> Option<&String> {
        match self {
            Self::Failed(why) => Some(why),
            Self::Open | Self::Ended => None,
        }
    }
}

impl Drain {
    /// What is decided is delivered, as far as it can be in time; where everything is, that is kept. Tasks that fail meanwhile
    /// are detached.
    pub fn run(self, mut tasks: Vec<QueryTask>, stop: &Stop, tell: &dyn Fn(PipelineEvent)) -> Vec<TaskEnd> {
        let wakeup = wakeup_of(&tasks, stop);
        let since = Stopwatch::start();
        if self.input == Input::Ended {
            wakeup.wait_until(self.timeout, || {
                // Room comes bit by bit: each time, what there is room for is decided.
                tasks.iter_mut().for_each(QueryTask::close);
                stop.is_set() || tasks.iter().all(|task| !task.has_undecided() || task.has_failed())
            });
        }
        tasks.iter_mut().for_each(QueryTask::flush);
        // A task that has failed goes back and comes here again.
        let good = tasks.iter().filter(|task| !task.has_failed());
        for (task, text) in good.filter_map(|task| Some((task, cut_off(task)?))) {
            let deployment = &task.context().subscription.deployment;
            info!(deployment, query = task.name(), "{text}");
        }
        detach_failed(&mut tasks, tell);
        tasks.iter().for_each(wait_for_state);
        let mut is_told = false;
        while let Some(left) = self.timeout.checked_sub(since.elapsed())
            && let waits_for_letters = tasks.iter().any(|task| task.context().letters_trouble().is_some())
            && (waits_for_letters || !are_delivered(&tasks))
        {
            if !is_told && since.elapsed() >= TOLD_AFTER {
                is_told = true;
                tasks.iter().for_each(|task| tell_waiting(task, left));
            }
            let until_told = if is_told { left } else { TOLD_AFTER.saturating_sub(since.elapsed()) };
            // A disk that is full tells nobody when it has room again.
            let patience = if waits_for_letters { left.min(TICK) } else { left.min(until_told) };
            wakeup.wait_until(patience, || {
                !waits_for_letters && are_delivered(&tasks) || tasks.iter().any(QueryTask::has_failed)
            });
            tasks.iter_mut().for_each(|task| task.context_mut().flush_letters());
            detach_failed(&mut tasks, tell);
        }
        let undelivered: Vec<Vec<(String, String)>> =
            tasks.iter().map(|task| undelivered(task, self.timeout).collect()).collect();
        let are_decided = tasks.iter().all(|task| !task.has_undecided());
        let finished = self.input == Input::Ended && are_decided && are_delivered(&tasks);
        let mut unwritten = Vec::new();
        for task in &mut tasks {
            // No checkpoint says that records are done whose dead letters are not there.
            let is_written = task.sync_letters() && task.context().letters_trouble().is_none();
            unwritten.push(task.context().letters_trouble());
            if is_written {
                if finished {
                    task.note_end();
                }
                checkpoint(task, finished);
                // A fault in the checkpoint lets it go back and read again.
                if finished && task.task_failure().is_none() {
                    task.finish();
                }
            }
        }
        self.ends(tasks, undelivered, unwritten, stop, tell)
    }

    fn ends(
        self,
        tasks: Vec<QueryTask>,
        undelivered: Vec<Vec<(String, String)>>,
        unwritten: Vec<Option<String>>,
        stop: &Stop,
        tell: &dyn Fn(PipelineEvent),
    ) -> Vec<TaskEnd> {
        let mut ends: Vec<TaskEnd> = Vec::new();
        for ((task, mut failures), unwritten) in tasks.into_iter().zip(undelivered).zip(unwritten) {
            // A checkpoint that could not be written fails its query.
            if task.has_failed() {
                tell(PipelineEvent::Detached(Box::new(task)));
                continue;
            }
            let source = || format!("source '{}'", task.context().subscription.source);
            if self.input == Input::Ended && task.has_undecided() {
                failures.push((format!("query '{}'", task.name()), undecided(&task, self.timeout, stop)));
            }
            let unwritten = unwritten.map(|why| letters::unwritten(&why, task.log().is_durable()));
            for why in self.input.failure().into_iter().cloned().chain(unwritten) {
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

/// Whether nothing that was decided and can be delivered waits to be.
fn are_delivered(tasks: &[QueryTask]) -> bool {
    tasks.iter().all(|task| task.log().unacknowledged_rows() == 0)
}

/// Makes a last checkpoint of a task that is to be paused.
pub fn park(task: &mut QueryTask) {
    task.flush();
    if task.sync_letters() && task.context().letters_trouble().is_none() {
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
    for task in tasks.extract_if(.., |task| task.has_failed()) {
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

/// What people are told of windows whose rows there was no room for.
fn undecided(task: &QueryTask, within: Duration, stop: &Stop) -> String {
    let fate = match task.log().is_durable() {
        true => "the next run with this state makes them",
        false => "they are lost, as without --state nothing is kept",
    };
    let why = match stop.is_set() {
        true => "it was stopped before its sink took all rows".to_owned(),
        false => format!("its sink took no more rows within {within:?}"),
    };
    format!("{why}, so the rows of the last windows were not made; {fate}")
}

/// Tells people which rows keep a run from ending, and for how long that may be.
fn tell_waiting(task: &QueryTask, left: Duration) {
    let deployment = &task.context().subscription.deployment;
    let left_s = left.as_secs() + 1;
    for (query, rows, trouble) in task.undelivered() {
        let why = trouble.map_or_else(String::new, |why| format!(" ({why})"));
        let fate = match task.log().is_durable() {
            true => "what is left is delivered by the next run with this state",
            false => "what is left is lost, as without --state nothing is kept",
        };
        info!(
            deployment,
            query,
            rows,
            left_s,
            "query '{query}': the run ends when {rows} rows are delivered{why}, or in {left_s} s; {fate}"
        );
    }
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
