//! How a pipeline ends: what is decided is delivered, what that leaves is kept and told.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_functions::format_timestamp;

use super::{LOOK, Pipeline, PipelineEvent, PipelineResult, Run, letters};
use crate::query::{CutOff, QueryTask};

impl Pipeline {
    /// What is decided is delivered, as far as it can be in time; where everything is, that is kept.
    pub(super) fn drain_and_checkpoint(
        &mut self,
        run: &mut Run,
        stop: &AtomicBool,
        tell: &dyn Fn(PipelineEvent),
    ) {
        let since = Stopwatch::start();
        let timeout = self.source.drain_timeout;
        while run.ended && since.elapsed() < timeout && self.tasks.iter().any(|task| !task.is_level()) {
            self.each_task(|task, context| task.close(context));
            clock::pause(LOOK);
            if stop.load(Relaxed) {
                break;
            }
        }
        self.flush();
        self.tasks.iter().filter_map(cut_off).for_each(|text| tell(PipelineEvent::Notice(text)));
        self.look_after_tasks(run, tell);
        let in_flight = |tasks: &[QueryTask]| tasks.iter().map(|task| task.log().in_flight()).sum::<usize>();
        self.tasks.iter().for_each(|task| task.log().backend().iter().for_each(|backend| backend.wait()));
        while since.elapsed() < timeout
            && (in_flight(&self.tasks) > 0 || self.context.letters_wait().is_some())
        {
            clock::pause(LOOK);
            self.context.flush_letters();
            self.look_after_tasks(run, tell);
        }
        let finished = run.ended && in_flight(&self.tasks) == 0;
        run.undelivered = self.tasks.iter().flat_map(|task| undelivered(task, timeout)).collect();
        if !self.sync_letters() || self.context.letters_wait().is_some() {
            // No checkpoint says that records are done whose dead letters are not there.
            return run.unwritten = self.context.letters_wait();
        }
        for task in self.tasks.iter_mut().filter(|_| run.begun) {
            task.log().backend().iter().for_each(|backend| backend.wait());
            if finished {
                task.finish();
            }
            task.checkpoint(finished);
            task.log().backend().iter().for_each(|backend| backend.wait());
        }
        // A checkpoint that could not be written fails its query.
        self.look_after_tasks(run, tell);
    }

    pub(super) fn ended(self, run: Run) -> PipelineResult {
        let mut failures = run.undelivered;
        for (query, why) in self.tasks.iter().flat_map(|task| task.query().failures()) {
            failures.push((format!("query '{query}'"), why.to_owned()));
        }
        let source = format!("source '{}'", self.context.source);
        let unwritten = run.unwritten.map(|why| letters::unwritten(&why, run.is_durable));
        failures.extend(run.failure.into_iter().chain(unwritten).map(|why| (source.clone(), why)));
        PipelineResult { counts: self.context.counts, failures }
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
