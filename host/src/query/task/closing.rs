//! Windows that are complete: decided as long as there is room for their rows.

use streamgauge_common::{
    clock::Stopwatch,
    crash::{self, Phase},
};

use super::QueryTask;
use crate::query::QueryContext;

impl QueryTask {
    /// Decides the windows that are complete, as long as there is room for their rows.
    pub(super) fn close_windows(&mut self) {
        if self.state.is_at_work() {
            let _inside = crash::during(Phase::Close);
            let (pass, pause_at) = (self.pass(), self.pace.pause_at());
            let since = *self.completing.get_or_insert_with(Stopwatch::start);
            let traced = self.begin_close();
            let Self { query, log, tables, offsets, reported, context, .. } = self;
            let before = log.decided().run;
            let done =
                query.close(&mut QueryContext { context, log, tables, offsets, reported, pass, pause_at });
            traced.into_iter().for_each(|traced| self.end_close(traced, done.as_ref().err()));
            if let Err(task_failure) = done {
                self.fail(task_failure);
            } else if !self.has_complete_window() {
                self.completing = None;
                // In a replay everything was decided before.
                if self.log.decided().run != before {
                    self.context.note_closed(since.elapsed());
                }
            }
        }
    }

    /// Whether something that came waits to be decided: complete windows, or batches that are held.
    pub fn has_undecided(&self) -> bool {
        !self.buffered.is_empty() || self.has_complete_window()
    }

    /// Whether a window is complete and its rows are not all decided: there was no room for them.
    pub(super) fn has_complete_window(&self) -> bool {
        self.query.has_complete_window()
    }
}
