//! How a pipeline ends: what is decided is delivered, what that leaves is kept and told.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_functions::format_timestamp;

use super::{Ended, LOOK, Pipeline, Run, Told, letters};
use crate::query::{CutOff, Root};

impl Pipeline {
    /// What is decided is delivered, as far as it can be in time; where everything is, that is kept.
    pub(super) fn end_well(&mut self, run: &mut Run, stop: &AtomicBool, tell: &dyn Fn(Told)) {
        let since = Stopwatch::start();
        let timeout = self.source.drain_timeout;
        while run.ended && since.elapsed() < timeout && self.roots.iter().any(|root| !root.is_level()) {
            self.each_root(|root, context| root.close(context));
            clock::pause(LOOK);
            if stop.load(Relaxed) {
                break;
            }
        }
        self.flush();
        self.roots.iter().filter_map(cut_off).for_each(|text| tell(Told::Notice(text)));
        self.look_after_roots(run, tell);
        let unsettled = |roots: &[Root]| roots.iter().map(|root| root.journal().unsettled()).sum::<usize>();
        self.roots.iter().for_each(|root| root.journal().keeper().iter().for_each(|keeper| keeper.wait()));
        while since.elapsed() < timeout
            && (unsettled(&self.roots) > 0 || self.context.letters_wait().is_some())
        {
            clock::pause(LOOK);
            self.context.flush_letters();
            self.look_after_roots(run, tell);
        }
        let finished = run.ended && unsettled(&self.roots) == 0;
        run.undelivered = self.roots.iter().flat_map(|root| undelivered(root, timeout)).collect();
        if !self.sync_letters() || self.context.letters_wait().is_some() {
            // No checkpoint says that records are done whose dead letters are not there.
            return run.unwritten = self.context.letters_wait();
        }
        for root in self.roots.iter_mut().filter(|_| run.begun) {
            root.journal().keeper().iter().for_each(|keeper| keeper.wait());
            if finished {
                root.finish();
            }
            root.checkpoint(finished);
            root.journal().keeper().iter().for_each(|keeper| keeper.wait());
        }
        // A checkpoint that could not be written fails its query.
        self.look_after_roots(run, tell);
    }

    pub(super) fn ended(self, run: Run) -> Ended {
        let mut failures = run.undelivered;
        for (query, why) in self.roots.iter().flat_map(|root| root.query().failures()) {
            failures.push((format!("query '{query}'"), why.to_owned()));
        }
        let source = format!("source '{}'", self.context.source);
        let unwritten = run.unwritten.map(|why| letters::unwritten(&why, run.is_durable));
        failures.extend(run.failure.into_iter().chain(unwritten).map(|why| (source.clone(), why)));
        Ended { counts: self.context.counts, failures }
    }
}

/// What people are told of windows that ended after the input did.
fn cut_off(root: &Root) -> Option<String> {
    let CutOff { last_event, windows, first_end } = root.query().cut_off()?;
    let time = |micros| {
        let mut text = Vec::new();
        format_timestamp(micros, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    let (noun, whose) =
        if windows == 1 { ("window", "its rows have") } else { ("windows", "their rows have") };
    Some(format!(
        "query '{}': the input ends at {}, before {windows} {noun} did: {whose} only what came until then (window_end {} and later)",
        root.name(),
        time(last_event),
        time(first_end)
    ))
}

/// What people are told of rows that wait on at the end, by query.
fn undelivered(root: &Root, within: Duration) -> impl Iterator<Item = (String, String)> {
    let fate = match root.journal().is_durable() {
        true => "the next run with this state delivers them",
        false => "they are lost, as without --state nothing is kept",
    };
    root.undelivered().map(move |(query, rows, trouble)| {
        let why = trouble.map_or_else(String::new, |why| format!(" ({why})"));
        (format!("query '{query}'"), format!("rows not delivered within {within:?}: {rows}{why}; {fate}"))
    })
}
