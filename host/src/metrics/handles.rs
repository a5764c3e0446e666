//! The handles of metrics, with the values of their labels: made once, kept by whoever counts.

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, with_recorder};
use streamgauge_common::reason::Reason;
use streamgauge_state::backend::CheckpointMetrics;

use super::{
    CHECKPOINT_BYTES, CHECKPOINT_SECONDS, CHECKPOINTS, CLOSE_SECONDS, DEAD_LETTERS, EVENTS, FAULTS, Kind,
    LATE_EVENTS, Metric, OUTBOX_ROWS, PARTLY_LATE_EVENTS, REFUSED_TABLE_VERSIONS, REQUESTS, ROWS, SPANS,
    TABLE_VERSIONS, WATERMARK,
};

const METADATA: Metadata<'static> = Metadata::new("streamgauge", Level::INFO, None);

impl Metric {
    /// Its key, where its labels have these values.
    fn key(&self, kind: Kind, values: &[&str]) -> Key {
        debug_assert_eq!(self.kind, kind, "{}", self.name);
        debug_assert_eq!(self.labels.len(), values.len(), "{}: each label has a value", self.name);
        let labels = self.labels.iter().zip(values).map(|(&name, &value)| Label::new(name, value.to_owned()));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    fn counter(&self, values: &[&str]) -> Counter {
        with_recorder(|recorder| recorder.register_counter(&self.key(Kind::Counter, values), &METADATA))
    }

    fn gauge(&self, values: &[&str]) -> Gauge {
        with_recorder(|recorder| recorder.register_gauge(&self.key(Kind::Gauge, values), &METADATA))
    }

    fn histogram(&self, values: &[&str]) -> Histogram {
        with_recorder(|recorder| recorder.register_histogram(&self.key(Kind::Histogram, values), &METADATA))
    }
}

/// What is counted of a deployment's use of a source.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    /// [`EVENTS`].
    pub events: Counter,
    /// [`WATERMARK`].
    pub watermark: Gauge,
}

impl SourceMetrics {
    /// Of a deployment and a source.
    pub fn new(deployment: &str, source: &str) -> Self {
        let labels = [deployment, source];
        Self { events: EVENTS.counter(&labels), watermark: WATERMARK.gauge(&labels) }
    }

    /// Nothing is counted.
    pub fn noop() -> Self {
        Self { events: Counter::noop(), watermark: Gauge::noop() }
    }
}

/// What is counted of a table.
#[derive(Clone, Debug)]
pub struct TableMetrics {
    /// [`TABLE_VERSIONS`].
    pub versions: Counter,
    /// [`REFUSED_TABLE_VERSIONS`].
    pub refused: Counter,
}

impl TableMetrics {
    /// Of a deployment and a table.
    pub fn new(deployment: &str, table: &str) -> Self {
        let labels = [deployment, table];
        Self { versions: TABLE_VERSIONS.counter(&labels), refused: REFUSED_TABLE_VERSIONS.counter(&labels) }
    }
}

/// What is counted of a query.
#[derive(Clone, Debug)]
pub struct QueryMetrics {
    /// [`ROWS`].
    pub rows: Counter,
    /// [`LATE_EVENTS`].
    pub late_events: Counter,
    /// [`PARTLY_LATE_EVENTS`].
    pub partly_late_events: Counter,
    /// [`FAULTS`].
    pub faults: Counter,
    /// [`DEAD_LETTERS`], by reason; not those that are counted elsewhere: as late, or by [`rejected_rows`].
    pub dead_letters: BTreeMap<Reason, Counter>,
}

impl QueryMetrics {
    /// Of a deployment and a query.
    pub fn new(deployment: &str, query: &str) -> Self {
        let labels = [deployment, query];
        let counted_here = |reason: &Reason| !matches!(reason, Reason::Late | Reason::Rejected);
        let reasons = Reason::ALL.into_iter().filter(counted_here);
        Self {
            rows: ROWS.counter(&labels),
            late_events: LATE_EVENTS.counter(&labels),
            partly_late_events: PARTLY_LATE_EVENTS.counter(&labels),
            faults: FAULTS.counter(&labels),
            dead_letters: reasons.map(|reason| (reason, dead_letters(labels, reason))).collect(),
        }
    }
}

fn dead_letters([deployment, query]: [&str; 2], reason: Reason) -> Counter {
    DEAD_LETTERS.counter(&[deployment, query, reason.name()])
}

/// Rows of a query that its sink's receiver rejects: [`DEAD_LETTERS`] with the reason `rejected`.
pub fn rejected_rows(deployment: &str, query: &str) -> Counter {
    dead_letters([deployment, query], Reason::Rejected)
}

/// Counts the checkpoints of a query.
pub fn checkpoints(deployment: &str, query: &str) -> CheckpointMetrics {
    let labels = [deployment, query];
    CheckpointMetrics {
        written: CHECKPOINTS.counter(&labels),
        seconds: CHECKPOINT_SECONDS.histogram(&labels),
        bytes: CHECKPOINT_BYTES.counter(&labels),
    }
}

/// Shows how long it takes to close windows of a query.
pub fn close_seconds(deployment: &str, query: &str) -> Histogram {
    CLOSE_SECONDS.histogram(&[deployment, query])
}

/// Shows the rows in the outbox of a query.
pub fn outbox_rows(deployment: &str, query: &str) -> Gauge {
    OUTBOX_ROWS.gauge(&[deployment, query])
}

/// [`REQUESTS`] of a sink, by what came of them.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    /// The receiver has the message.
    pub accepted: Counter,
    /// The message is tried again.
    pub retried: Counter,
    /// The message becomes a dead letter.
    pub rejected: Counter,
}

impl RequestMetrics {
    /// Of a deployment and a sink.
    pub fn new(deployment: &str, sink: &str) -> Self {
        let of = |outcome| REQUESTS.counter(&[deployment, sink, outcome]);
        Self { accepted: of("accepted"), retried: of("retried"), rejected: of("rejected") }
    }
}

/// [`SPANS`] of the process, by what became of them.
#[derive(Clone, Debug)]
pub struct SpanMetrics {
    /// The endpoint took them.
    pub sent: Counter,
    /// The endpoint did not take them.
    pub failed: Counter,
    /// Too many waited.
    pub dropped: Counter,
}

impl SpanMetrics {
    /// For the recorder of this thread.
    pub fn of_process() -> Self {
        let of = |outcome| SPANS.counter(&[outcome]);
        Self { sent: of("sent"), failed: of("failed"), dropped: of("dropped") }
    }
}
