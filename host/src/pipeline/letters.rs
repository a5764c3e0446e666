//! Dead letters that cannot be written now: reading waits for them, and no checkpoint goes beyond them.

use streamgauge_common::wakeup::Stop;

use super::{Pipeline, PipelineEvent, Run, TICK};
use crate::query::QueryTask;

impl Pipeline {
    /// Whether dead letters wait to be written: nothing is taken then, as more of them would not fit into memory.
    pub(super) fn has_unwritten_letters(&self) -> bool {
        self.tasks.iter().any(|task| task.context().letters_trouble().is_some())
    }

    /// Tries to write dead letters that wait, and lets a little time pass where they still do.
    pub(super) fn wait_for_letters(&mut self, run: &mut Run, stop: &Stop, tell: &dyn Fn(PipelineEvent)) {
        self.each_task(|task| task.context_mut().flush_letters());
        // A disk that is full tells nobody when it has room again; the queue of letters knows how often it is tried.
        run.wakeup.wait_until(TICK, || {
            !self.has_unwritten_letters() || stop.is_set() || self.tasks.iter().any(QueryTask::is_to_leave)
        });
        self.look_after_tasks(run, tell);
    }
}

/// What people are told of dead letters that are not written at the end.
pub(super) fn unwritten(why: &str, is_durable: bool) -> String {
    let fate = match is_durable {
        true => "the next run with this state writes them",
        false => "they are lost, as without --state nothing is kept",
    };
    format!("dead letters were not written: {why}; {fate}")
}
