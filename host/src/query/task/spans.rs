//! Spans of what a query task does: batches that it folds, windows that it closes, checkpoints.

use streamgauge_common::{clock, partition::SourceIndex};
use streamgauge_state::backend::{CheckpointObserver, WrittenCheckpoint};

use super::{QueryTask, TaskFailure};
use crate::{
    decode::Batch,
    traces::{Span, Within, number},
};

/// Windows being closed, and what was counted before.
pub(super) struct TracedClose {
    span: Span,
    windows_before: u64,
    rows_before: u64,
}

impl QueryTask {
    /// Takes a batch of one of its inputs, as a part of other work where that is traced.
    pub fn take_within(&mut self, source: SourceIndex, batch: &Batch, within: Option<Within>) {
        let traces = self.context.timings().traces();
        let Some(span) = within.and_then(|within| traces.begin_within("fold", Some(within))) else {
            return self.take(source, batch);
        };
        let is_new = self.task_failure().is_none();
        self.within = Some(span.within());
        self.take(source, batch);
        self.within = None;
        let describe = |span: &mut Span| {
            self.describe(span);
            span.describe(batch);
        };
        match self.task_failure().filter(|_| is_new) {
            Some(failure) => span.fail(&failure.fault.to_string(), describe),
            None => span.end(describe),
        }
    }

    /// Whose work it is.
    fn describe(&self, span: &mut Span) {
        span.set("streamgauge.deployment", self.context.subscription.deployment.clone());
        span.set("streamgauge.query", self.name().to_owned());
    }

    /// Windows may be closed.
    pub(super) fn begin_close(&self) -> Option<TracedClose> {
        let span = self.context.timings().traces().begin_within("close", self.within)?;
        let (windows_before, rows_before) = (self.query.closed_windows(), self.context.counts.rows);
        Some(TracedClose { span, windows_before, rows_before })
    }

    /// Windows were closed, or none was.
    pub(super) fn end_close(&self, close: TracedClose, failure: Option<&TaskFailure>) {
        let TracedClose { span, windows_before, rows_before } = close;
        let windows = self.query.closed_windows().saturating_sub(windows_before);
        let describe = |span: &mut Span| {
            self.describe(span);
            span.set("streamgauge.windows", number(windows));
            span.set("streamgauge.rows", number(self.context.counts.rows.saturating_sub(rows_before)));
            if let Some((window_end, _)) = self.log.decided().run {
                span.set("streamgauge.window_end_us", window_end);
            }
        };
        match failure {
            Some(failure) => span.fail(&failure.fault.to_string(), describe),
            None if windows > 0 => span.end(describe),
            None => {}
        }
    }

    /// A checkpoint begins to be captured.
    pub(super) fn begin_checkpoint(&self) -> Option<Span> {
        let mut span = self.context.timings().traces().begin("checkpoint")?;
        self.describe(&mut span);
        Some(span)
    }

    /// It is captured: who waits for it to be written.
    pub(super) fn captured(mut span: Span, segments: usize) -> CheckpointObserver {
        span.part("capture", span.began_us(), clock::now_us());
        span.set("streamgauge.segments", number(segments));
        Box::new(move |written| match written {
            Ok(WrittenCheckpoint { generation, bytes, took }) => {
                let ended_us = clock::now_us();
                let took_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
                span.part("write", ended_us.saturating_sub(took_us), ended_us);
                span.end(|span| {
                    span.set("streamgauge.generation", number(generation));
                    span.set("streamgauge.bytes", number(bytes));
                });
            }
            Err(why) => span.fail(&why, |_| {}),
        })
    }
}
