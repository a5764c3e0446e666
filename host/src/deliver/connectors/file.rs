//! The connector `file`: rows as lines of a file, and the worker that writes lines wherever they go.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use streamgauge_common::message::Payload;
use streamgauge_component::{check::Refused, plugins::Plugins};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    catalog::WrongOption,
    connector::{OptionKind, OptionSpec},
    manifest::{OptionValue, Sink},
    types::DataType,
};
use streamgauge_state::outbox::Outbox;

use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
    encode,
    lines::FileSink,
    rejected::RejectedRows,
    rotation::RotationPolicy,
    workers::Workers,
};

/// Rows to a file.
#[derive(Clone, Copy, Debug)]
pub struct FileConnector;

/// What becomes of what the file holds already; without one such a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Rows follow it.
    Append,
    /// It is removed.
    Overwrite,
}

/// What a sink says of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    /// Where it is.
    pub path: PathBuf,
    /// What becomes of what it holds; none = nobody said so.
    pub mode: Option<Mode>,
    /// When it is closed and another one begins; none = never.
    pub rotation: Option<RotationPolicy>,
}

/// The least `rotate_every`.
const ROTATE_EVERY_US_MIN: i64 = 1_000_000;

fn path() -> OptionSpec {
    OptionSpec::new("path", OptionKind::Literal(DataType::Text), "the file that rows are written to")
        .required("rows.jsonl")
}

fn mode() -> OptionSpec {
    let docs = "what becomes of what the file holds already; without it such a file is refused";
    OptionSpec::new("mode", OptionKind::Word(&["append", "overwrite"]), docs)
}

fn rotate_bytes() -> OptionSpec {
    let docs = "the file gets a number and another one begins before it would be longer, as in '256 MiB'";
    OptionSpec::new("rotate_bytes", OptionKind::Bytes, docs)
}

fn rotate_every() -> OptionSpec {
    let docs = "the file gets a number and another one begins so long after its first row, as in '1 hour'";
    OptionSpec::new("rotate_every", OptionKind::Duration, docs)
}

impl SinkConnector for FileConnector {
    fn name(&self) -> &'static str {
        "file"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Ok(vec![super::format(), path(), mode(), rotate_bytes(), rotate_every()])
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, _: Depth) -> Option<WrongOption> {
        let wrong = |key: &str, message: &str, help: &str| {
            Some(WrongOption { key: key.to_owned(), message: message.to_owned(), help: help.to_owned() })
        };
        if rotate_bytes().bytes(options) == Some(0) {
            return wrong(
                "rotate_bytes",
                "`rotate_bytes` cannot be 0: no row would fit",
                "write it like 256MiB",
            );
        }
        if rotate_every().micros(options).is_some_and(|micros| micros < ROTATE_EVERY_US_MIN) {
            return wrong(
                "rotate_every",
                "`rotate_every` must be 1 second or more",
                "write it like '1 hour'",
            );
        }
        None
    }

    fn file(&self, sink: &Sink) -> Option<FileTarget> {
        let mode = match mode().text(&sink.options) {
            Some("append") => Some(Mode::Append),
            Some("overwrite") => Some(Mode::Overwrite),
            _ => None,
        };
        let policy = RotationPolicy {
            bytes_max: rotate_bytes().bytes(&sink.options),
            age_us_max: rotate_every().micros(&sink.options),
        };
        let rotation = (policy.bytes_max.is_some() || policy.age_us_max.is_some()).then_some(policy);
        Some(FileTarget { path: path().text(&sink.options)?.into(), mode, rotation })
    }

    fn open(&self, sink: &Sink, _: &Route<'_>, _: &mut SinkContext<'_>) -> Result<Destination, SinkError> {
        Ok(Destination::File(self.file(sink).ok_or(SinkError::Missing("path"))?))
    }
}

/// Writes the lines of one query to the console or to a file.
pub struct LineWorker {
    lines: Arc<FileSink>,
    /// What the file's marker calls the query.
    name: String,
}

impl LineWorker {
    /// An outbox for lines.
    pub fn binding(lines: Arc<FileSink>, name: String, rotation: Option<RotationPolicy>) -> OutboxBinding {
        let has = lines.has(&name);
        let bytes_max = rotation.and_then(|policy| policy.message_bytes_max());
        let encode = bytes_max.map_or_else(encode::Lines::default, |bytes_max| encode::Lines { bytes_max });
        OutboxBinding { has, ..OutboxBinding::new(encode, Self { lines, name }) }
    }
}

impl SinkWorker for LineWorker {
    fn takes(&self, payload: &Payload) -> bool {
        matches!(payload, Payload::Lines(_))
    }

    fn start(
        self: Box<Self>,
        outbox: Outbox,
        rejected: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError> {
        let Self { lines, name } = *self;
        let left = outbox.clone();
        Ok(workers.thread("lines", &left, move |stop| lines.deliver(&name, &outbox, stop, &rejected))?)
    }
}
