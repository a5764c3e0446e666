//! Runs pipelines, a thread each, and looks after queries that leave theirs.
//!
//! A query whose plugin failed goes back to its last checkpoint and reads again by a reader of its own, without the record
//! that the plugin failed for, if there is one; a query whose sink takes nothing more waits for it by itself; one whose rows
//! can go nowhere any more has failed. The others do not notice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, Scope},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use streamgauge_common::{
    clock::{self, Stopwatch},
    crash,
    panics::caught,
};
use streamgauge_engine::FaultKind;

use crate::{
    pipeline::{Pipeline, PipelineEvent, PipelineResult, Progress, Source, bisect, reader::SourceReader},
    query::{Context, QueryTask},
};

/// `max_traps`: faults without progress and without a record to blame, after which a query is failed.
pub const TRAPS_MAX: u32 = 3;
/// How often it is looked whether the rows of a query that failed are delivered.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What happens, for whom it may concern.
pub type Notice<'a> = &'a (dyn Fn(&str) + Sync);

/// Runs pipelines to their ends.
pub fn run(pipelines: Vec<Pipeline>, stop: &AtomicBool, notice: Notice<'_>) -> Vec<PipelineResult> {
    let (tell, told) = unbounded();
    thread::scope(|scope| {
        let supervisor = Supervisor { scope, stop, notice, tell };
        let running = pipelines.len();
        for pipeline in pipelines {
            let who = format!("source '{}'", pipeline.context.source);
            supervisor.start(who, move |stop, notice, tell| run_one(pipeline, stop, notice, tell));
        }
        caught(|| supervisor.watch(running, &told)).unwrap_or_else(|why| {
            // The pipelines are waited for.
            stop.store(true, Relaxed);
            vec![failed("the supervisor".to_owned(), why)]
        })
    })
}

/// The end of somebody who failed.
fn failed(who: String, why: String) -> PipelineResult {
    PipelineResult { failures: vec![(who, why)], ..PipelineResult::default() }
}

/// What threads tell.
enum Report {
    /// A query has left its pipeline.
    Detached(Box<QueryTask>, Share),
    /// A pipeline, or a query that went on by itself, has ended.
    Ended(PipelineResult),
}

/// What a query takes along when it leaves.
#[derive(Clone)]
struct Share {
    source: Arc<Source>,
    context: Context,
    progress: Arc<Progress>,
}

struct Supervisor<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    stop: &'env AtomicBool,
    notice: Notice<'env>,
    tell: Sender<Report>,
}

impl<'scope> Supervisor<'scope, '_> {
    /// A thread whose end is told, also where it panics: then nothing else goes on for long either.
    fn start(
        &self,
        who: String,
        work: impl FnOnce(&AtomicBool, Notice<'_>, &Sender<Report>) -> PipelineResult + Send + 'scope,
    ) {
        let (stop, notice, tell) = (self.stop, self.notice, self.tell.clone());
        let name = who.clone();
        let run = move || {
            let ended = caught(|| work(stop, notice, &tell)).unwrap_or_else(|why| {
                stop.store(true, Relaxed);
                failed(who, why)
            });
            // Who supervises waits for it.
            drop(tell.send(Report::Ended(ended)));
        };
        let started = thread::Builder::new().name("pipeline".to_owned()).spawn_scoped(self.scope, run);
        if let Err(error) = started {
            let ended = failed(name, format!("cannot start a thread: {error}"));
            drop(self.tell.send(Report::Ended(ended)));
        }
    }

    fn watch(&self, mut running: usize, told: &Receiver<Report>) -> Vec<PipelineResult> {
        let mut ended = Vec::new();
        crash::point("supervisor.watches");
        while running > 0 {
            match told.recv() {
                Ok(Report::Detached(task, share)) => {
                    running += 1;
                    let who = format!("query '{}'", task.name());
                    self.start(who, move |stop, notice, tell| look_after(*task, share, stop, notice, tell));
                }
                Ok(Report::Ended(one)) => {
                    running -= 1;
                    ended.push(one);
                }
                Err(_) => break,
            }
        }
        ended
    }
}

/// Runs a pipeline to its end; queries that leave it are told.
fn run_one(
    pipeline: Pipeline,
    stop: &AtomicBool,
    notice: Notice<'_>,
    tell: &Sender<Report>,
) -> PipelineResult {
    let Pipeline { source, context, progress, .. } = &pipeline;
    let share = Share { source: source.clone(), context: context.fresh(), progress: progress.clone() };
    pipeline.run(stop, &|told| match told {
        PipelineEvent::Notice(text) => notice(&text),
        PipelineEvent::Detached(task) => drop(tell.send(Report::Detached(task, share.clone()))),
    })
}

/// Lets a query go on by itself, or ends it.
fn look_after(
    mut task: QueryTask,
    share: Share,
    stop: &AtomicBool,
    notice: Notice<'_>,
    tell: &Sender<Report>,
) -> PipelineResult {
    match go_on(&mut task, &share.source, stop, notice) {
        Ok(reader) => {
            let Share { source, context, progress } = share;
            run_one(Pipeline { source, reader, tasks: vec![task], context, progress }, stop, notice, tell)
        }
        Err(why) => {
            // Queries that read its rows and failed are told already.
            let failures = task.query().failures().into_iter();
            let mut failures: Vec<(String, String)> =
                failures.map(|(name, why)| (format!("query '{name}'"), why.to_owned())).collect();
            if task.query().failure().is_none() {
                let name = format!("query '{}'", task.name());
                notice(&format!("{name} failed: {why}"));
                failures.push((name, why));
            }
            drain(&task, share.source.drain_timeout, stop);
            PipelineResult { failures, ..PipelineResult::default() }
        }
    }
}

/// What a query that failed has decided still leaves.
fn drain(task: &QueryTask, timeout: Duration, stop: &AtomicBool) {
    task.give_up();
    let since = Stopwatch::start();
    while task.log().in_flight() > 0 && since.elapsed() < timeout && !stop.load(Relaxed) {
        clock::pause(LOOK_EVERY);
    }
}

/// A reader for a query that has left the others, after it went back if it fell; an error is its end.
fn go_on(
    task: &mut QueryTask,
    source: &Source,
    stop: &AtomicBool,
    notice: Notice<'_>,
) -> Result<SourceReader, String> {
    if let Some(why) = task.failure() {
        return Err(why);
    }
    if source.once {
        let blocked = || "its sink takes nothing more".to_owned();
        return Err(task.task_failure().map_or_else(blocked, |task_failure| task_failure.fault.to_string()));
    }
    if let Some(task_failure) = task.task_failure().cloned() {
        let fault = task_failure.fault.to_string();
        if !task.count_trap(task_failure.batch, TRAPS_MAX) || stop.load(Relaxed) {
            return Err(fault);
        }
        let suspect = task_failure
            .batch
            .filter(|_| task_failure.in_fold && task_failure.fault.kind == FaultKind::Deterministic);
        let name = task.name().to_owned();
        notice(&format!("query '{name}': {fault}; it goes back to its last checkpoint"));
        let poison = match suspect {
            Some(batch) => bisect::find(task, source, batch, stop)?,
            None => Vec::new(),
        };
        // Told when it is durable.
        task.log().backend().iter().for_each(|backend| backend.wait());
        for (offset, why) in &poison {
            let (partition, ..) = task_failure.batch.unwrap_or_default();
            notice(&format!("query '{name}': partition {partition} offset {offset} is a dead letter: {why}"));
        }
        if poison.len() >= bisect::RECORDS_MAX {
            return Err(format!("{fault}, for record after record"));
        }
        if !poison.is_empty() {
            task.forget_traps();
        }
        let (checkpoint, parts) = task.last_checkpoint()?;
        task.go_back(&checkpoint.offsets)?;
        let windows = task.windows(&checkpoint, parts.iter()).map_err(|error| error.to_string())?;
        task.replace_windows(windows);
    }
    (source.open)(task.offsets(), task.start_bounds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_that_panics_has_failed_and_ends_the_others() {
        let (tell, told) = unbounded();
        let stop = AtomicBool::new(false);
        let notice: Notice<'_> = &|_| {};
        let ended = thread::scope(|scope| {
            let supervisor = Supervisor { scope, stop: &stop, notice, tell };
            supervisor.start("source 'a'".to_owned(), |_, _, _| panic!("a slip"));
            supervisor.start("source 'b'".to_owned(), |stop, _, _| {
                while !stop.load(Relaxed) {
                    thread::yield_now();
                }
                PipelineResult::default()
            });
            supervisor.watch(2, &told)
        });
        let failures: Vec<(String, String)> = ended.into_iter().flat_map(|one| one.failures).collect();
        assert_eq!(failures, [("source 'a'".to_owned(), "it panicked, which is a bug: a slip".to_owned())]);
    }
}
