//! The connector `file`: rows as lines of a file, and the worker that writes lines wherever they go.

use std::{path::PathBuf, sync::Arc};

use streamgauge_common::message::Payload;
use streamgauge_component::{check::Refused, plugins::Plugins};
use streamgauge_sql::{
    connector::{OptionKind, OptionSpec},
    manifest::Sink,
    types::DataType,
};
use streamgauge_state::outbox::Outbox;

use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
    encode,
    lines::FileSink,
    rejected::RejectedRows,
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

fn path() -> OptionSpec {
    OptionSpec::new("path", OptionKind::Literal(DataType::Text), "the file that rows are written to")
        .required("rows.jsonl")
}

fn mode() -> OptionSpec {
    let docs = "what becomes of what the file holds already; without it such a file is refused";
    OptionSpec::new("mode", OptionKind::Word(&["append", "overwrite"]), docs)
}

impl SinkConnector for FileConnector {
    fn name(&self) -> &'static str {
        "file"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Ok(vec![super::format(), path(), mode()])
    }

    fn file(&self, sink: &Sink) -> Option<(PathBuf, Option<Mode>)> {
        let mode = match mode().text(&sink.options) {
            Some("append") => Some(Mode::Append),
            Some("overwrite") => Some(Mode::Overwrite),
            _ => None,
        };
        Some((path().text(&sink.options)?.into(), mode))
    }

    fn open(&self, sink: &Sink, _: &Route<'_>, _: &mut SinkContext<'_>) -> Result<Destination, SinkError> {
        let (path, mode) = self.file(sink).ok_or(SinkError::Missing("path"))?;
        Ok(Destination::File(path, mode))
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
    pub fn binding(lines: Arc<FileSink>, name: String) -> OutboxBinding {
        let has = lines.has(&name);
        OutboxBinding { has, ..OutboxBinding::new(encode::Lines, Self { lines, name }) }
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
