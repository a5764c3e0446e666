//! Dead letters that cannot be written now: reading waits for them, and no checkpoint goes beyond them.

use streamgauge_common::clock;

use super::{LOOK, Pipeline, PipelineEvent, Run};

impl Pipeline {
    /// Whether nothing can be taken now, since dead letters wait to be written: more of them would not fit into memory.
    pub(super) fn waits_for_letters(&mut self, run: &mut Run, tell: &dyn Fn(PipelineEvent)) -> bool {
        if self.letters_wait().is_none() {
            return false;
        }
        self.each_task(|task| task.context_mut().flush_letters());
        if self.letters_wait().is_some() {
            clock::pause(LOOK);
        }
        self.look_after_tasks(run, tell);
        true
    }

    fn letters_wait(&self) -> Option<String> {
        self.tasks.iter().find_map(|task| task.context().letters_wait())
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
