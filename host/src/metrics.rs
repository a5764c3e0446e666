//! What is counted for whoever watches the process: every metric by its name, in one table.
//!
//! [`METRICS`] is the table, and docs/running.md shows it (a test compares them). The handles are those of the `metrics` facade. They
//! are made once, where a deployment is put together, for the recorder of the thread that does so: the global one, or that of
//! `metrics::with_local_recorder`. Where there is no recorder a handle does nothing. Counters move by batch or by decision, never by row.

mod handles;
mod shown;

use metrics::Unit;

pub use self::{
    handles::{
        QueryMetrics, RequestMetrics, SourceMetrics, SpanMetrics, TableMetrics, checkpoints, close_seconds,
        outbox_rows, rejected_rows,
    },
    shown::{describe, markdown},
};

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from 0 when the process starts.
    Counter,
    /// It is what it was set to last.
    Gauge,
    /// It has the distribution of what it is told.
    Histogram,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// The names of its labels, in the order in which the constructors of handles take their values.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub meaning: &'static str,
}

/// The table, and from it a constant for each row.
macro_rules! metrics {
    ($($constant:ident: $kind:ident in $unit:ident, $name:literal, $labels:expr, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, unit: Unit::$unit, labels: &$labels, meaning: $meaning };)*

        /// All metrics, in the order in which they are shown.
        pub const METRICS: &[Metric] = &[$($constant,)*];
    };
}

metrics! {
    EVENTS: Counter in Count, "streamgauge_events_total", ["deployment", "source"], "events read, and records that could not be decoded; each once, whoever else reads it or reads it again";
    WATERMARK: Gauge in Seconds, "streamgauge_watermark_seconds", ["deployment", "source"], "the source's watermark, in event time since the epoch: the least of the queries that share a reader; the end of the input does not move it";
    ROWS: Counter in Count, "streamgauge_rows_total", ["deployment", "query"], "rows that went to the query's sink";
    LATE_EVENTS: Counter in Count, "streamgauge_late_events_total", ["deployment", "query"], "events that were late for all their windows";
    PARTLY_LATE_EVENTS: Counter in Count, "streamgauge_partly_late_events_total", ["deployment", "query"], "events that were late for some of their windows";
    DEAD_LETTERS: Counter in Count, "streamgauge_dead_letters_total", ["deployment", "query", "reason"], "dead letters, and rows that a sink's receiver rejects (`rejected`); late events are counted as late only";
    FAULTS: Counter in Count, "streamgauge_faults_total", ["deployment", "query"], "calls of plugins that failed: the query goes back to its checkpoint; where it reads a view, it fails";
    CHECKPOINTS: Counter in Count, "streamgauge_checkpoints_total", ["deployment", "query"], "checkpoints that are durable, of a query that reads a source and of those that read its rows";
    CHECKPOINT_SECONDS: Histogram in Seconds, "streamgauge_checkpoint_seconds", ["deployment", "query"], "how long each of them took to write";
    CHECKPOINT_BYTES: Counter in Bytes, "streamgauge_checkpoint_bytes_total", ["deployment", "query"], "bytes that were written for checkpoints: what has changed since the checkpoint before, and its manifest";
    CLOSE_SECONDS: Histogram in Seconds, "streamgauge_close_duration_seconds", ["deployment", "query"], "how long it took to close windows: from the arrival of the event that completes them (or from when the source was found idle) until all their rows are decided; once for all windows that are complete at the same time";
    OUTBOX_ROWS: Gauge in Count, "streamgauge_outbox_rows", ["deployment", "query"], "rows in the query's outbox: decided, and not acknowledged by the sink; without those that a sink only keeps to show them";
    OUTBOX_AGE: Gauge in Seconds, "streamgauge_outbox_age_seconds", ["deployment", "query", "sink"], "how long the oldest of these rows has waited in this process; 0 where none waits (only of `serve`)";
    DEPLOYMENTS: Gauge in Count, "streamgauge_deployment_state", ["deployment", "state"], "1 for the state in which the deployment is, 0 for the others (only of `serve`)";
    LAG: Gauge in Count, "streamgauge_lag_records", ["deployment", "query"], "offsets between what the query has read and the ends of its partitions (only of `serve`)";
    WATERMARK_DELAY: Gauge in Seconds, "streamgauge_watermark_delay_seconds", ["deployment", "source", "partition"], "how far the watermark of a partition is behind the clock; it also grows while nothing is written to the partition. Of a source with more than 32 partitions only the largest one is shown, as partition `max` (only of `serve`)";
    CHECKPOINT_AGE: Gauge in Seconds, "streamgauge_checkpoint_age_seconds", ["deployment", "query"], "how long ago the query's last checkpoint was written, or found to be still what would be written (only of `serve`)";
    CPU_SECONDS: Counter in Seconds, "streamgauge_cpu_seconds_total", ["deployment", "step"], "processor time of the deployment's work by step, of which `reducers` and `query` are plugins and compiled SQL; what decodes is counted once for all that share a reader (only of `serve`)";
    STARTS: Counter in Count, "streamgauge_deployment_starts_total", ["deployment"], "how often the deployment was started in this process: at the start of the host, and at each change (only of `serve`)";
    TABLE_VERSIONS: Counter in Count, "streamgauge_table_versions_total", ["deployment", "table"], "versions of the table that were read, the first one included";
    REFUSED_TABLE_VERSIONS: Counter in Count, "streamgauge_refused_table_versions_total", ["deployment", "table"], "versions of the table that could not be read as a whole: the version before stays";
    REQUESTS: Counter in Count, "streamgauge_requests_total", ["deployment", "sink", "outcome"], "tries to send a message by HTTP, by what came of it: `accepted`, `retried` (it is tried again) or `rejected` (it becomes a dead letter)";
    SPANS: Counter in Count, "streamgauge_spans_total", ["outcome"], "spans of traces, by what became of them: `sent`, `failed` (the endpoint did not take them) or `dropped` (too many waited) (only where work is traced)";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_say_what_is_counted_as_prometheus_wants_it() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len(), "each name is there once");
        for Metric { name, kind, unit, labels, meaning } in METRICS {
            assert!(name.starts_with("streamgauge_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let is_of = |word: &str| name.trim_end_matches("_total").ends_with(word);
            assert_eq!(is_of("_seconds"), *unit == Unit::Seconds, "{name}");
            assert_eq!(is_of("_bytes"), *unit == Unit::Bytes, "{name}");
            let of_process = *name == SPANS.name;
            assert_eq!(labels.first() == Some(&"deployment"), !of_process, "{name}: runs are told apart");
            assert!(!meaning.contains('|'), "{name}: it is a cell of a table");
        }
    }
}
