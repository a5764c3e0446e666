//! Every limit by its name: what it is, its default, what it may be, and what happens beyond it.
//!
//! One table, [`LIMITS`], says all that; [`Limits`] has a field for each of its rows, `--limit NAME=VALUE` and [`Limits::set`] set them
//! by name, and ARCHITECTURE.md shows the table (a test compares them). The layers below know nothing of it: each takes a small struct
//! of bounds, which is put together here.
//!
//! Each limit may be changed between two runs with the same state; the two that decide which events a window has, only when no window is
//! half decided ([`admitted`](streamgauge_state::admitted)). What must never change for a state to keep its meaning is no limit of this
//! table; [`ELSEWHERE`] says so.

mod other_limits;
mod setting;
mod shown;

use std::{ops::RangeInclusive, time::Duration};

use streamgauge_common::chunk::ChunkLimits;
use streamgauge_sql::SqlLimits;
use streamgauge_state::{admitted::AdmissionLimits, backend::LogLimits, outbox::Bounds, pool::PoolSettings};

use crate::{
    deliver::{http::client, scrape::ScrapeLimits, workers::DeliveryLimits},
    pipeline::{FaultLimits, reader::ReaderLimits},
};

pub use self::{
    other_limits::{ELSEWHERE, Elsewhere},
    setting::{LimitError, Setting},
    shown::{help, markdown, value as shown_value},
};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: `1000000`.
    Count,
    /// Bytes: `64KiB`, `2GiB`.
    Bytes,
    /// Time, kept in microseconds: `500ms`, `2s`.
    Time,
}

/// A row of the table.
#[derive(Debug)]
pub struct Limit {
    /// What it is called.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it is where nobody sets it.
    pub default: u64,
    /// What it may be.
    pub range: RangeInclusive<u64>,
    /// What it bounds.
    pub of: &'static str,
    /// What happens beyond it.
    pub beyond: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Limit {
    /// What it is among these, in bytes, microseconds or things.
    pub fn of(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }
}

/// The type of a field, and its value as a constant.
macro_rules! field {
    (type Time) => {
        Duration
    };
    (type $unit:ident) => {
        usize
    };
    (value Time $value:expr) => {
        Duration::from_micros($value)
    };
    (value $unit:ident $value:expr) => {
        $value as usize
    };
    (get Time $value:expr) => {
        u64::try_from($value.as_micros()).unwrap_or(u64::MAX)
    };
    (get $unit:ident $value:expr) => {
        $value as u64
    };
}

/// The table, and from it the struct.
macro_rules! limits {
    ($($name:ident: $unit:ident = $default:expr, $range:expr, $of:literal, $beyond:literal;)*) => {
        /// What everything is bounded by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $of] pub $name: field!(type $unit),)*
        }

        impl Limits {
            /// What they are where nobody sets them.
            pub const DEFAULT: Self = Self { $($name: field!(value $unit $default),)* };
        }

        /// All limits, in the order in which they are shown.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            unit: Unit::$unit,
            default: $default,
            range: $range,
            of: $of,
            beyond: $beyond,
            get: |limits| field!(get $unit limits.$name),
            set: |limits, value| limits.$name = field!(value $unit value),
        },)*];
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MS: u64 = 1_000;
const S: u64 = 1_000_000;
const HOUR: u64 = 3600 * S;

limits! {
    max_sql_bytes: Bytes = 16 * KIB, KIB..=MIB, "a statement", "the statement is refused";
    max_sql_file_bytes: Bytes = MIB, KIB..=64 * MIB, "a query file", "the file is refused";
    max_record_bytes: Bytes = MIB, 1..=64 * MIB, "a record", "dead letter `too_large`";
    max_groups: Count = 1_000_000, 1..=100_000_000, "groups of a partition and query", "dead letter `group_limit`";
    max_table_bytes: Bytes = 16 * MIB, KIB..=GIB, "the file of a table; up to eight versions of it are kept until a checkpoint needs fewer", "the version before stays; at the start it is refused";
    batch_records: Count = 4096, 1..=65_536, "records of a batch", "the next batch begins";
    batch_bytes: Bytes = 512 * KIB, 4 * KIB..=64 * MIB, "bytes of a batch, about", "the next batch begins";
    queue_batches: Count = 4, 1..=1024, "batches that wait on either side of a decoder", "the reader waits";
    leader_timeout: Time = S, 10 * MS..=60 * S, "a leader's answer where its partition ends", "a notice; its partitions hold windows open";
    max_component_bytes: Bytes = 64 * MIB, MIB..=GIB, "a component", "refused";
    function_cache_bytes: Bytes = 16 * MIB, 0..=GIB, "compiled functions that are kept", "what comes later is compiled each time";
    plugin_compile_memory: Bytes = 2 * GIB, 64 * MIB..=64 * GIB, "addresses of the process that compiles a plugin of yours", "the plugin is refused";
    plugin_compile_time: Time = 60 * S, S..=HOUR, "processor time of that process, in whole seconds", "the plugin is refused";
    plugin_cache_bytes: Bytes = 512 * MIB, 0..=64 * GIB, "machine code of plugins and queries that is kept between runs", "what was used least recently is removed";
    max_call_result_bytes: Bytes = 256 * MIB, MIB..=2 * GIB, "result of a guest's call", "the query fails";
    plugin_memory: Bytes = GIB, 64 * KIB..=4 * GIB, "memories and tables of a plugin's instance", "the query goes back to its checkpoint";
    plugin_call_timeout: Time = S, 10 * MS..=HOUR, "a call of a plugin", "the query goes back to its checkpoint";
    plugin_check_time: Time = 600 * S, S..=24 * HOUR, "all calls of a plugin in `plugin check`", "further calls fail, and so do the laws that need them";
    max_traps: Count = 3, 1..=1000, "faults of a query's plugins without progress", "the query fails";
    max_poison_records: Count = 100, 1..=100_000, "records of one batch that make a plugin trap", "the query fails";
    outbox_rows: Count = 100_000, 1..=100_000_000, "rows that are not acknowledged, of a query and sink", "the query takes no more events";
    outbox_bytes: Bytes = 64 * MIB, KIB..=64 * GIB, "their messages", "the query takes no more events";
    outbox_span: Count = 1_000_000, 1..=1_000_000_000, "messages from the oldest that is not acknowledged to the newest", "the query takes no more events: the log holds all of them";
    max_decisions_waiting: Count = 64, 1..=4096, "decisions that wait for the log, each of at most 8,192 rows and about 4 MiB of keys", "the query waits";
    max_remembered: Count = 100_000, 0..=100_000_000, "forced closes, and verdicts, that are remembered without `--state`", "a fault fails the query";
    log_segment_bytes: Bytes = 16 * MIB, 64 * KIB..=GIB, "a segment of the log", "the next segment";
    log_threads: Count = 4, 1..=64, "threads that sync decision logs, of all deployments of a runtime", "logs wait for each other";
    checkpoint_threads: Count = 2, 1..=64, "threads that write checkpoints, of all deployments of a runtime", "checkpoints wait for each other";
    requests_in_flight: Count = 16, 1..=1024, "requests under way, of a query and sink", "messages wait";
    request_connect_timeout: Time = 5 * S, 10 * MS..=HOUR, "to connect for a request, at most half of `request_timeout`", "tried again";
    request_timeout: Time = 10 * S, 20 * MS..=HOUR, "a request in all", "tried again";
    max_response_bytes: Bytes = 64 * KIB, KIB..=16 * MIB, "an answer to a request", "the rest is not read";
    max_retry_after: Time = HOUR, 0..=24 * HOUR, "`Retry-After`", "later is this much later";
    scrape_connections: Count = 64, 1..=4096, "connections of scrapes, of a sink", "the connection that has been silent for longest is closed, first of those that never asked";
    scrape_head_bytes: Bytes = 16 * KIB, 8 * KIB..=MIB, "the head of a scrape's request", "refused";
    scrape_first_request_timeout: Time = 5 * S, 10 * MS..=HOUR, "the first request of a connection", "the connection is closed";
    scrape_request_timeout: Time = 75 * S, 10 * MS..=HOUR, "each further request", "the connection is closed";
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// Sets a limit by its name: from the command line, or a configuration.
    ///
    /// # Errors
    /// There is no such limit, or it cannot be this; the text names the range.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitError> {
        self.apply(&Setting::new(name, value)?);
        Ok(())
    }

    /// Sets what was parsed before.
    pub fn apply(&mut self, setting: &Setting) {
        (setting.limit.set)(self, setting.value);
    }

    /// What SQL is bounded by.
    pub fn sql(&self) -> SqlLimits {
        SqlLimits { statement_bytes_max: self.max_sql_bytes, file_bytes_max: self.max_sql_file_bytes }
    }

    /// What every plugin is bounded by.
    pub fn component(&self) -> streamgauge_component::limits::Limits {
        streamgauge_component::limits::Limits {
            plugin_memory: self.plugin_memory,
            plugin_call_timeout: self.plugin_call_timeout,
            call_result_bytes_max: self.max_call_result_bytes,
            component_bytes_max: self.max_component_bytes,
            compile_memory: self.plugin_compile_memory,
            compile_time: self.plugin_compile_time,
            function_cache_bytes: self.function_cache_bytes,
        }
    }

    /// What readers are bounded by.
    pub fn reader(&self) -> ReaderLimits {
        let chunks = ChunkLimits {
            record_bytes_max: self.max_record_bytes,
            bytes: self.batch_bytes,
            records_max: self.batch_records,
        };
        ReaderLimits { chunks, queue_batches: self.queue_batches }
    }

    /// How often plugins may fail.
    pub fn faults(&self) -> FaultLimits {
        FaultLimits {
            traps_max: u32::try_from(self.max_traps).unwrap_or(u32::MAX),
            poison_records_max: self.max_poison_records,
        }
    }

    /// What an outbox holds at most.
    pub fn outbox(&self) -> Bounds {
        Bounds {
            keeps_last: false,
            rows_max: self.outbox_rows,
            bytes_max: self.outbox_bytes,
            span_max: self.outbox_span as u64,
        }
    }

    /// Those that decide which events a window has.
    pub fn admission(&self) -> AdmissionLimits {
        AdmissionLimits { groups_max: self.max_groups as u64, record_bytes_max: self.max_record_bytes as u64 }
    }

    /// What a decision log is bounded by.
    pub fn log(&self) -> LogLimits {
        LogLimits { segment_bytes: self.log_segment_bytes as u64, waiting_max: self.max_decisions_waiting }
    }

    /// The threads that keep state.
    pub fn state_pool(&self) -> PoolSettings {
        PoolSettings { log_threads: self.log_threads, checkpoint_threads: self.checkpoint_threads }
    }

    /// What deliveries are bounded by.
    pub fn delivery(&self) -> DeliveryLimits {
        DeliveryLimits {
            requests_in_flight: self.requests_in_flight,
            retry_after_max: self.max_retry_after,
            client: client::Limits {
                connect_time: self.request_connect_timeout,
                request_time: self.request_timeout,
                response_bytes_max: self.max_response_bytes,
            },
            scrape: ScrapeLimits {
                connections_max: self.scrape_connections,
                first_request_time: self.scrape_first_request_timeout,
                request_time: self.scrape_request_timeout,
                head_bytes_max: self.scrape_head_bytes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_engine::Settings;
    use streamgauge_kafka::Reading;

    use super::*;
    use crate::query::REMEMBERED_MAX;

    #[test]
    fn the_defaults_of_the_layers_are_those_of_the_table() {
        let limits = Limits::default();
        assert_eq!(limits.sql(), SqlLimits::default());
        assert_eq!(limits.component(), streamgauge_component::limits::Limits::default());
        assert_eq!(limits.reader(), ReaderLimits::default());
        assert_eq!(limits.faults(), FaultLimits::default());
        assert_eq!(limits.outbox(), Bounds::default());
        assert_eq!(limits.admission(), AdmissionLimits::default());
        assert_eq!(limits.log(), LogLimits::default());
        assert_eq!(limits.state_pool(), PoolSettings::default());
        assert_eq!(limits.delivery(), DeliveryLimits::default());
        assert_eq!(limits.max_groups, Settings::default().groups_max);
        assert_eq!(limits.max_remembered, REMEMBERED_MAX);
        assert_eq!(limits.leader_timeout, Reading::default().leader_timeout);
    }

    #[test]
    fn each_limit_is_set_alone_and_its_default_is_permitted() {
        for limit in LIMITS {
            assert!(limit.range.contains(&limit.default), "{}", limit.name);
            let mut limits = Limits::default();
            assert_eq!(limit.of(&limits), limit.default, "{}", limit.name);
            for value in [*limit.range.start(), *limit.range.end()] {
                let before = limits;
                (limit.set)(&mut limits, value);
                assert_eq!(limit.of(&limits), value, "{}", limit.name);
                for other in LIMITS.iter().filter(|other| other.name != limit.name) {
                    assert_eq!(other.of(&limits), other.of(&before), "{} sets {}", limit.name, other.name);
                }
            }
        }
    }
}
