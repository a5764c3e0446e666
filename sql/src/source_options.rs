//! The options that every source takes beside those of its connector. The binder reads them through these declarations.

use crate::connector::{OptionKind, OptionSpec};
use crate::manifest::FORMATS;
use crate::types::DataType;

/// What a time format can be.
const TIME_FORMATS: OptionKind = OptionKind::Checked(
    "`'rfc3339'`, `'unix_s'`, `'unix_ms'`, `'unix_us'`, `'unix_ns'`, or a pattern of strftime",
);

/// All of them, in the order in which they are read.
pub fn all() -> Vec<OptionSpec> {
    vec![
        format(),
        time_format(),
        time_zone(),
        numbers(),
        start(),
        idle_timeout(),
        max_future_skew(),
        dead_letters(),
        late_dead_letters(),
    ]
}

pub(crate) fn format() -> OptionSpec {
    OptionSpec::new("format", OptionKind::Word(FORMATS), "how a record is written").or("json")
}

pub(crate) fn time_format() -> OptionSpec {
    let docs = "how the times of columns without a FORMAT of their own are written";
    OptionSpec::new("time_format", TIME_FORMATS, docs).or("rfc3339")
}

pub(crate) fn time_zone() -> OptionSpec {
    let kind = OptionKind::Checked("`'UTC'` or an offset such as `'+02:00'`");
    OptionSpec::new("time_zone", kind, "the zone of times whose pattern reads none").example("UTC")
}

pub(crate) fn numbers() -> OptionSpec {
    let docs = "`'lenient'` takes numbers in quotes too; an empty text is none";
    OptionSpec::new("numbers", OptionKind::Word(&["strict", "lenient"]), docs).or("strict")
}

pub(crate) fn start() -> OptionSpec {
    let kind = OptionKind::Checked(
        "`'earliest'`, `'latest'`, a time such as `'2026-01-01T00:00:00Z'`, or how long ago",
    );
    let docs = "where a topic is read from if no state says so; without it from the size of the longest window ago. With --bounded, \
                and files, from the start";
    OptionSpec::new("start", kind, docs).example("1 hour")
}

pub(crate) fn idle_timeout() -> OptionSpec {
    let docs = "how long a partition may be silent before its leader is asked whether it has more, so that windows do not wait for it";
    OptionSpec::new("idle_timeout", OptionKind::Duration, docs).or("10 s")
}

pub(crate) fn max_future_skew() -> OptionSpec {
    let docs = "how far an event may be ahead of its record's time, or it is a dead letter; without it 5 minutes for Kafka, and no \
                bound for files";
    OptionSpec::new("max_future_skew", OptionKind::Duration, docs)
}

pub(crate) fn dead_letters() -> OptionSpec {
    let docs = "a file for the source's dead letters; --dead-letters comes before it";
    let kind = OptionKind::Literal(DataType::Text);
    OptionSpec::new("dead_letters", kind, docs).example("dead_letters.jsonl")
}

pub(crate) fn late_dead_letters() -> OptionSpec {
    let docs = "whether an event that is late for all of its windows is written as a dead letter; it is counted in any case";
    OptionSpec::new("late_dead_letters", OptionKind::Word(&["true", "false"]), docs).or("true")
}
